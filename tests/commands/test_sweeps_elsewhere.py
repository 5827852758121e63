"""Sweeps whose jobs run in other processes: the same numbers, the same lines, and stopped as one."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from job_dirs import job_dir
from launch import PROJECT, SMALL, train_here, wait_for

from groundup.learning.checkpoint import load_checkpoint
from groundup.sweep.launchers import THREADS, count_cores

LONG = ("data.batch_size=8", "trainer.max_epochs=40", "model.dropout=0.1")
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
LAUNCHERS = {
    "joblib": JOBLIB,
    "submitit": ("hydra/launcher=submitit_local",),
    "ray": ("hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=2"),
}
# A train.py that writes how many threads its process has.
WATCHED = """
import json, os, sys
from pathlib import Path
from hydra.core.hydra_config import HydraConfig
from groundup.command.frame import Command
from groundup.command.place import Place

def train(cfg):
    import torch
    found = {"threads": torch.get_num_threads(), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS")}
    file = Path(HydraConfig.get().runtime.output_dir, "results.json")
    file.write_text(json.dumps({"status": "finished", **found}))

Command("train", train).run(Place.of_script(__file__), sys.argv[1:])
"""


def start(tmp_path, *words, script=PROJECT / "train.py", environment=None):
    """A process of its own: joblib waits for ever in a fork of another."""
    line = [sys.executable, str(script), "-m", *words]
    pipe = subprocess.PIPE
    options = {"cwd": tmp_path, "env": environment, "start_new_session": True}  # a group, as a terminal makes them
    return subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True, **options)


def run(tmp_path, *words, **options):
    """Exit code, what it said, and its errors."""
    process = start(tmp_path, *words, **options)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, without_notes(err)


def without_notes(err):
    """What is no note of Ray's, such as that it has made a token for its cluster."""
    return "".join(line for line in err.splitlines(keepends=True) if not re.match(r"\S+ \S+\s+(INFO|WARNING) ", line))


@pytest.fixture(params=LAUNCHERS)
def launcher(request):
    pytest.importorskip(f"hydra_plugins.hydra_{request.param}_launcher", reason=f"hydra-{request.param}-launcher")
    return LAUNCHERS[request.param]


def results(run_dir):
    return json.loads((run_dir / "results.json").read_text())


def same(one, other):
    first, second = (load_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"] for run in (one, other))
    return all(torch.equal(value, second[name]) for name, value in first.items())


def rows(run_dir):
    file = run_dir / "metrics.csv"
    return file.read_text().count("\n") - 1 if file.exists() else 0


@pytest.mark.slow
def test_jobs_elsewhere_give_the_numbers_of_runs_alone_and_their_lines(launcher, tmp_path):
    code, out, err = run(tmp_path, *SMALL, *launcher, "optimizer.lr=0.1,1e9", f"hydra.sweep.dir={tmp_path}/s")
    assert (code, err.count("\n")) == (1, 1), err
    assert err.startswith("error: of 2 jobs: 1 failed")
    lines = out.partition("\n\n")[0].splitlines()
    assert lines[0] == f"2 jobs in {tmp_path}/s"
    assert sorted(line.split("  ")[0].split()[1] for line in lines[1:]) == ["optimizer.lr=0.1", "optimizer.lr=1e9"]
    assert any("failed: Diverged" in line for line in lines)
    train_here(tmp_path / "alone", "optimizer.lr=0.1")
    assert same(job_dir(tmp_path / "s", 0), tmp_path / "alone")
    assert not (tmp_path / "s" / ".processes").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signum", "send", "code"),
    [(signal.SIGINT, os.killpg, 130), (signal.SIGTERM, os.kill, 143), (signal.SIGTERM, os.killpg, 143)],
    ids=["ctrl-c", "term", "term to all"],
)
def test_a_sweep_elsewhere_is_stopped_with_its_checkpoints_and_goes_on(launcher, tmp_path, signum, send, code):
    words = (*SMALL, *LONG, *launcher, "seed=0,1,2,3")
    stopped = start(tmp_path, *words, f"hydra.sweep.dir={tmp_path}/s")
    wait_for(lambda: rows(job_dir(tmp_path / "s", 0)) >= 2, "two epochs of the first job")
    send(stopped.pid, signum)
    out, err = stopped.communicate(timeout=60)
    assert (stopped.returncode, without_notes(err)) == (code, "")
    assert out.count("go on with") == 1
    assert f"sweep.resume={tmp_path}/s" in out
    statuses = [job["status"] for job in json.loads((tmp_path / "s" / "sweep.json").read_text())["jobs"]]
    assert statuses[0] == "interrupted"
    assert set(statuses) <= {"interrupted", "finished", "not run"}  # none was killed
    assert "not run" in statuses
    code, out, err = run(tmp_path, *words, f"sweep.resume={tmp_path}/s")
    assert (code, err) == (0, "")
    train_here(tmp_path / "alone", *LONG)
    assert same(job_dir(tmp_path / "s", 0), tmp_path / "alone")
    assert rows(job_dir(tmp_path / "s", 0)) == 40


@pytest.mark.slow
def test_a_job_that_its_cluster_takes_back_goes_on_from_its_checkpoint_in_another_process(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="hydra-submitit-launcher")
    words = (*SMALL, *LONG, *LAUNCHERS["submitit"], "seed=0,1", f"hydra.sweep.dir={tmp_path}/s")
    sweep = start(tmp_path, *words)
    wait_for(lambda: rows(job_dir(tmp_path / "s", 0)) >= 3, "three epochs of the first job")
    before = int((tmp_path / "s" / ".processes" / "0").read_text().split()[1])
    os.kill(before, signal.SIGUSR2)  # as SLURM does some time before the end
    _, err = sweep.communicate(timeout=120)
    assert not err, err
    assert sweep.returncode == 0
    epochs = re.findall(r"epoch +(\d+)/40", (job_dir(tmp_path / "s", 0) / "train.log").read_text())
    assert len(epochs) <= 41  # it lost no more than the epoch that it was in
    assert "interrupted; go on with" in (job_dir(tmp_path / "s", 0) / "train.log").read_text()
    train_here(tmp_path / "alone", *LONG)
    assert same(job_dir(tmp_path / "s", 0), tmp_path / "alone")


@pytest.mark.slow
def test_processes_end_after_their_job_when_the_sweep_was_killed(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="hydra-joblib-launcher")
    sweep = start(tmp_path, *SMALL, *LONG, *JOBLIB, "seed=0,1,2,3", f"hydra.sweep.dir={tmp_path}/s")
    wait_for(lambda: rows(job_dir(tmp_path / "s", 0)) >= 2, "two epochs of the first job")
    worker = int((tmp_path / "s" / ".processes" / "0").read_text().split()[1])
    sweep.kill()
    sweep.wait()
    wait_for(lambda: not Path(f"/proc/{worker}").exists(), "the end of the process", timeout=60)
    assert results(job_dir(tmp_path / "s", 0))["status"] == "finished"
    assert not job_dir(tmp_path / "s", 2).exists()


@pytest.mark.slow
def test_fail_fast_holds_elsewhere(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="hydra-joblib-launcher")
    words = (*SMALL, *JOBLIB, "optimizer.lr=1e9,0.1", "seed=range(0,20)", "sweep.fail_fast=true")
    assert run(tmp_path, *words, f"hydra.sweep.dir={tmp_path}/s")[0] == 1
    statuses = [job["status"] for job in json.loads((tmp_path / "s" / "sweep.json").read_text())["jobs"]]
    assert statuses.count("failed") <= 2
    assert statuses.count("not run") >= 38


@pytest.mark.slow
def test_jobs_side_by_side_share_the_cores(launcher, tmp_path):
    shutil.copytree(PROJECT / "conf", tmp_path / "conf")
    (tmp_path / "train.py").write_text(WATCHED)
    environment = {name: value for name, value in os.environ.items() if name not in THREADS}
    words = (*launcher, "seed=0,1", f"hydra.sweep.dir={tmp_path}/s")
    code, _, err = run(tmp_path, *words, script=tmp_path / "train.py", environment=environment)
    assert (code, err) == (0, "")
    expected = max(1, count_cores() // 2)
    for job in (0, 1):
        found = results(job_dir(tmp_path / "s", job))
        assert (found["threads"], found["OMP_NUM_THREADS"]) == (expected, str(expected))
