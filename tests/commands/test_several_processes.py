"""One run as two CPU processes: the same numbers as one process, and an end in common."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from launch import PROJECT, SMALL, train_here, wait_for
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from groundup.learning.checkpoint import load_checkpoint
from groundup.rundir.predictions import read_predictions

# A callback for the processes to import: one of them fails.
FAIL = """
from lightning.pytorch import Callback
class Fail(Callback):
    def __init__(self, rank):
        self.rank = rank
    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == 5 and trainer.global_rank == self.rank:
            raise RuntimeError("a crash")
"""


@pytest.fixture
def start(tmp_path):
    """Starts a run of two processes in a process group of their own; whatever is left of it is killed."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "one_fails.py").write_text(FAIL)
    env = {name: value for name, value in os.environ.items() if name != "HYDRA_FULL_ERROR"}
    env |= {"PYTHONPATH": str(tmp_path / "hook"), "OMP_NUM_THREADS": "1"}
    started = []

    def start_command(*words):
        line = [sys.executable, str(PROJECT / "train.py"), *SMALL, "trainer.devices=2", *words]
        line.append(f"hydra.run.dir={tmp_path}/run")
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(line, cwd=tmp_path, env=env, start_new_session=True, **pipes))
        return started[-1]

    yield start_command
    for process in started:
        if members(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def members(group: int) -> list[str]:
    """The processes of a process group that have not ended."""
    listed = subprocess.run(["ps", "-A", "-o", "pgid=,stat=,pid="], capture_output=True, text=True, check=True)
    rows = [row.split() for row in listed.stdout.splitlines()]
    return [pid for pgid, state, pid in rows if int(pgid) == group and not state.startswith("Z")]


def finish(process) -> tuple[str, str]:
    """What a run said in the end, having checked that nothing of it is left."""
    said = process.communicate(timeout=200)
    wait_for(lambda: not members(process.pid), "the other process to end", timeout=10)
    return said


def rows_of(run_dir: Path) -> list[dict[str, str]]:
    with (run_dir / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def pictures(run_dir: Path) -> dict[str, bytes]:
    """The last picture of every tag."""
    events = EventAccumulator(str(run_dir), size_guidance={"images": 0}).Reload()
    return {tag: events.Images(tag)[-1].encoded_image_string for tag in events.Tags()["images"]}


def last_weights(run_dir: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(run_dir / "checkpoints" / "last.ckpt")["state_dict"]


def test_two_processes_learn_what_one_learns_and_count_every_sample_once(start, tmp_path):
    # sizes that neither the batches nor the two processes divide: 899 train, 100 validate, 331 test
    sizes = ("data.limit_train=999", "data.limit_test=331", "data.eval_batch_size=50", "trainer.max_epochs=3")
    sizes += ("callbacks=everything",)
    two = start(*sizes)
    out, err = finish(two)
    assert (two.returncode, err) == (0, "")
    assert out.count("epoch   1/3") == 1
    one = train_here(tmp_path / "one", *sizes)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert (results["status"], results["devices"]) == ("finished", 2)
    assert (results["steps"], results["epochs"]) == (one["steps"], one["epochs"])
    assert {path.name for path in (tmp_path / "run").iterdir() if not path.name.startswith((".", "events."))} == {
        "config.yaml", "results.json", "metrics.csv", "checkpoints", "train.log",
        "test_predictions.npz", "val_predictions.npz", "projector", "projector_config.pbtxt",
    }  # fmt: skip
    for split, images in (("test", 331), ("val", 100)):
        ours, theirs = (read_predictions(tmp_path / name, split) for name in ("run", "one"))
        assert ours.true.tolist() == theirs.true.tolist(), "in the same order, each image once"
        assert len(ours.true) == images
        assert ours.probabilities == pytest.approx(theirs.probabilities, abs=1e-3)

    for ours, theirs in zip(rows_of(tmp_path / "run"), rows_of(tmp_path / "one"), strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours.keys() - {"seconds"}:
            assert float(ours[name]) == pytest.approx(float(theirs[name]), rel=1e-4), name
    for name in ("test/acc", "test/loss", "test/f1", "test/top5", "test/nll", "test/ece", "temperature"):
        assert results[name] == pytest.approx(one[name], rel=1e-4)
    assert results["test/acc"] * 331 == pytest.approx(round(results["test/acc"] * 331), abs=1e-3)
    ours, theirs = last_weights(tmp_path / "run"), last_weights(tmp_path / "one")
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-5) for name in theirs)
    seen, expected = pictures(tmp_path / "run"), pictures(tmp_path / "one")
    assert seen.keys() == expected.keys()
    for tag in ("confusion/val_images", "confusion/test_images", "per_class/test"):
        assert seen[tag] == expected[tag], tag
    # negative control: the comparison would see one image weighed wrongly in one step
    assert not all(
        float(ours["train/loss"]) == pytest.approx(float(theirs["train/loss"]) * (1 + 1 / 899), rel=1e-4)
        for ours, theirs in zip(rows_of(tmp_path / "run"), rows_of(tmp_path / "one"), strict=True)
    )


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_fails_ends_the_other_and_its_cause_is_told(start, tmp_path, rank):
    process = start("+callbacks.fail._target_=one_fails.Fail", f"+callbacks.fail.rank={rank}")
    _, err = finish(process)
    assert process.returncode == 1
    cause = "RuntimeError: a crash" if rank == 0 else "process 1: RuntimeError: a crash"
    assert err == f"error: {cause}\n"
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert (results["status"], results["error"]) == ("failed", cause)
    log = tmp_path / "run" / ("train.log" if rank == 0 else "train_ddp_process_1.log")
    assert "Traceback" in log.read_text()


@pytest.mark.slow
def test_ctrl_c_ends_all_processes_and_the_run_goes_on_to_the_same_weights(start, tmp_path):
    words = ["trainer.max_epochs=40", "trainer.log_every_n_steps=10"]
    run_dir = tmp_path / "run"
    process = start(*words)
    wait_for(lambda: (run_dir / "metrics.csv").exists() and len(rows_of(run_dir)) >= 3, "three epochs")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = finish(process)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert json.loads((run_dir / "results.json").read_text())["status"] == "interrupted"
    resumed = start(*words, f"resume={run_dir}")
    _, err = finish(resumed)
    assert (resumed.returncode, err) == (0, "")

    run_dir.rename(tmp_path / "parts")
    whole = start(*words)
    _, err = finish(whole)
    assert (whole.returncode, err) == (0, "")
    for ours, theirs in zip(rows_of(tmp_path / "parts"), rows_of(run_dir), strict=True):
        for name in ours.keys() - {"seconds"}:
            assert float(ours[name]) == pytest.approx(float(theirs[name]), rel=1e-6), name
    parts, uninterrupted = last_weights(tmp_path / "parts"), last_weights(run_dir)
    assert all(torch.equal(parts[name], uninterrupted[name]) for name in uninterrupted)


@pytest.mark.slow
def test_a_sigterm_to_the_first_process_ends_all(start, tmp_path):
    process = start("trainer.max_epochs=400", "trainer.log_every_n_steps=10")
    wait_for(lambda: (tmp_path / "run" / "metrics.csv").exists(), "an epoch")
    os.kill(process.pid, signal.SIGTERM)
    _, err = finish(process)
    assert process.returncode == 143, err
    assert "Traceback" not in err
    assert json.loads((tmp_path / "run" / "results.json").read_text())["status"] == "interrupted"


@pytest.mark.slow
def test_a_signal_while_the_processes_look_for_one_another_ends_both(start, tmp_path):
    process = start()
    wait_for((tmp_path / "run" / "train_ddp_process_1.log").exists, "the second process")  # it imports torch next
    os.killpg(process.pid, signal.SIGINT)
    _, err = finish(process)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert json.loads((tmp_path / "run" / "results.json").read_text())["status"] == "interrupted"
