"""Whole sweeps: the same numbers as alone, also after they were stopped."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import warnings

import numpy as np
import torch
import yaml
from job_dirs import job_dir
from launch import PROJECT, SMALL, Command, small_config, train_here, wait_for

from groundup.learning.checkpoint import load_checkpoint

FIGURES = ("val/acc", "val/loss", "test/acc", "test/loss", "train/loss")
EPOCHS = 16
LONG = (
    "data.batch_size=8",
    f"trainer.max_epochs={EPOCHS}",
    "model.dropout=0.1",
    "data.augment=[shift]",
    "data.shift=1",
)


def results(run_dir):
    return json.loads((run_dir / "results.json").read_text())


def figures(run_dir):
    return [results(run_dir)[name] for name in FIGURES]


def weights(run_dir):
    return load_checkpoint(run_dir / "checkpoints" / "last.ckpt")["state_dict"]


def same(one, other):
    return all(torch.equal(value, weights(other)[name]) for name, value in weights(one).items())


def rows(run_dir):
    file = run_dir / "metrics.csv"
    return file.read_text().count("\n") - 1 if file.exists() else 0


def start(tmp_path, *words):
    return Command.start("train.py", "-m", *SMALL, *words, cwd=tmp_path / "elsewhere")


def test_every_job_gives_bit_for_bit_the_numbers_of_the_same_run_alone_in_any_order(command, tmp_path):
    for name, seeds in (("one", "0,1"), ("other", "1,0")):
        words = ("-m", *SMALL, "model.dropout=0.1,0.2", f"seed={seeds}", f"hydra.sweep.dir={tmp_path}/{name}")
        done = command("train.py", *words)
        assert done.wait() == 0, done.stderr
    train_here(tmp_path / "alone", "model.dropout=0.2", "seed=0")
    assert (
        figures(job_dir(tmp_path / "one", 2)) == figures(job_dir(tmp_path / "other", 3)) == figures(tmp_path / "alone")
    )
    assert same(job_dir(tmp_path / "one", 2), tmp_path / "alone")
    assert same(job_dir(tmp_path / "other", 3), tmp_path / "alone")
    assert not same(job_dir(tmp_path / "one", 3), tmp_path / "alone")  # of another seed
    config = yaml.safe_load((job_dir(tmp_path / "one", 2) / "config.yaml").read_text())
    assert config == yaml.safe_load((tmp_path / "alone" / "config.yaml").read_text())


def test_the_console_has_a_line_a_job_and_the_log_has_the_rest(command, tmp_path):
    done = command("train.py", "-m", *SMALL, "optimizer.lr=0.1,1e9", f"hydra.sweep.dir={tmp_path}/s")
    assert done.wait() == 1
    before = done.stdout.partition("\n\n")[0].splitlines()
    assert [line[:5] for line in before] == ["2 job", "[1/2]", "[2/2]"]
    assert "failed: Diverged" in before[2]
    assert "epoch   2/2" in (job_dir(tmp_path / "s", 0) / "train.log").read_text()
    assert "Traceback" in (job_dir(tmp_path / "s", 1) / "train.log").read_text()
    assert done.stderr.startswith("error: of 2 jobs: 1 failed")
    with (tmp_path / "s" / "sweep.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["optimizer.lr"] for row in table] == ["0.1", "1e9"]
    assert float(table[0]["test/acc"]) == results(job_dir(tmp_path / "s", 0))["test/acc"]
    assert table[1]["test/acc"] == ""


def test_a_sweep_that_is_stopped_again_and_again_goes_on_to_the_same_weights_bit_for_bit(command, whole_run, tmp_path):
    """Of three jobs the second is long, and is the one that is stopped."""
    sweep, words = tmp_path / "s", (f"trainer.max_epochs=2,{EPOCHS},3", f"hydra.sweep.dir={tmp_path}/s")
    for stop, (signum, code) in enumerate(((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9))):
        stopped = start(tmp_path, *LONG, *words)
        wait_for(lambda stop=stop: rows(job_dir(sweep, 1)) >= 3 * (stop + 1), "three epochs of the second job")
        stopped.send(signum)
        assert stopped.wait() == code, stopped.stderr
        assert "Traceback" not in stopped.stderr
        if signum != signal.SIGKILL:
            table = json.loads((sweep / "sweep.json").read_text())
            assert [job["status"] for job in table["jobs"]] == ["finished", "interrupted", "not run"]
            assert f"sweep.resume={sweep}" in stopped.stdout
            assert stopped.stdout.count("go on with") == 1  # of the sweep, not also of the job
        if stop == 0:
            first = (job_dir(sweep, 0) / "results.json").stat().st_mtime_ns
        words = (f"trainer.max_epochs=3,{EPOCHS},2", f"sweep.resume={sweep}")

    resumed = command("train.py", "-m", *SMALL, *LONG, *words)
    assert resumed.wait() == 0, resumed.stderr
    assert "3 jobs in" in resumed.stdout
    assert "1 finished, 1 go on, 1 to run" in resumed.stdout
    assert (job_dir(sweep, 0) / "results.json").stat().st_mtime_ns == first
    alone = whole_run(small_config(*LONG))
    assert same(job_dir(sweep, 1), alone)
    assert figures(job_dir(sweep, 1)) == figures(alone)
    assert rows(job_dir(sweep, 1)) == EPOCHS


def test_editing_conf_during_a_sweep_changes_nothing(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    shutil.copytree(PROJECT / "conf", project / "conf")
    shutil.copy(PROJECT / "train.py", project)
    words = (*LONG, "trainer.max_epochs=8", "seed=0,1", f"hydra.sweep.dir={tmp_path}/s")
    (tmp_path / "elsewhere").mkdir()
    running = Command.start(str(project / "train.py"), "-m", *SMALL, *words, cwd=tmp_path / "elsewhere")
    wait_for(lambda: rows(job_dir(tmp_path / "s", 0)) >= 1, "an epoch of the first job")
    file = project / "conf" / "optimizer" / "sgd.yaml"
    file.write_text(file.read_text().replace("momentum: 0.9", "momentum: 0.5"))
    assert "0.5" in file.read_text()
    running.send(signal.SIGINT)
    assert running.wait() == 130
    again = Command.start(
        str(project / "train.py"), "-m", *SMALL, *words[:-1], f"sweep.resume={tmp_path}/s", cwd=tmp_path / "elsewhere"
    )
    assert again.wait() == 0, again.stderr
    for job in (0, 1):
        assert (
            yaml.safe_load((job_dir(tmp_path / "s", job) / "config.yaml").read_text())["optimizer"]["momentum"] == 0.9
        )


def test_a_sweep_that_went_well_says_nothing_on_stderr(tmp_path):
    words = ["-m", *SMALL, "seed=0,1", f"hydra.sweep.dir={tmp_path}/s"]  # a process of its own, for its very end
    line = [sys.executable, str(PROJECT / "train.py"), *words]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_job_leaves_its_process_as_it_found_it(tmp_path):
    from groundup.sweep.isolation import isolated

    def state():
        return (
            random.getstate(),
            np.random.get_state()[1].tolist(),
            torch.get_rng_state().tolist(),
            dict(os.environ),
            os.getcwd(),
            list(warnings.filters),
            torch.get_num_threads(),
            torch.get_default_dtype(),
            torch.are_deterministic_algorithms_enabled(),
            torch.get_float32_matmul_precision(),
            [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)],
        )

    with isolated():
        pass  # the first in a process draws new seeds
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(7)  # another than the job's, which a test before may have left
    before = state()
    with isolated():
        train_here(tmp_path / "run", "trainer.deterministic=true", "trainer.precision=64-true")
        os.environ["LEFT_BEHIND"] = "1"
        os.environ.pop("PATH")
        torch.set_num_threads(2 if torch.get_num_threads() == 1 else 1)
        torch.set_default_dtype(torch.float64)
        warnings.simplefilter("ignore")
        os.chdir(tmp_path)
        assert [a == b for a, b in zip(state(), before, strict=True)].count(True) <= 3
    assert state() == before
