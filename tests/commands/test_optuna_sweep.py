"""A search of whole runs: by joblib, stopped by force, gone on with."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from job_dirs import job_dir
from launch import PROJECT, SMALL, Command, wait_for

optuna = pytest.importorskip("optuna", reason="pip install optuna")

WORDS = (*SMALL, "hydra/sweeper=optuna", "optimizer.lr=tag(log,interval(1e-2,1))", "model.dropout=0,0.1")


def rows(run_dir):
    file = run_dir / "metrics.csv"
    return file.read_text().count("\n") - 1 if file.exists() else 0


def test_a_killed_study_goes_on_with_the_trial_that_was_running(command, tmp_path):
    long = ("data.batch_size=8", "trainer.max_epochs=12", "hydra.sweeper.n_trials=3")
    words = ("-m", *WORDS, *long)
    killed = Command.start("train.py", *words, f"hydra.sweep.dir={tmp_path}/s", cwd=tmp_path / "elsewhere")
    wait_for(lambda: rows(job_dir(tmp_path / "s", 1)) >= 3, "three epochs of the second trial")
    killed.send(signal.SIGKILL)
    killed.wait()
    resumed = command("train.py", *words, f"sweep.resume={tmp_path}/s")
    assert resumed.wait() == 0, resumed.stderr
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path}/s/study.db")
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 3
    results = [json.loads((job_dir(tmp_path / "s", job) / "results.json").read_text()) for job in range(3)]
    assert [trial.value for trial in study.trials] == [result["val/acc"] for result in results]
    assert rows(job_dir(tmp_path / "s", 1)) == 12


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "stacked"])
def test_trials_run_in_batches_by_other_launchers(launcher, tmp_path):
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="hydra-joblib-launcher")
    at_once = ("hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=4", f"hydra/launcher={launcher}")
    line = [sys.executable, str(PROJECT / "train.py"), "-m", *WORDS, *at_once, f"hydra.sweep.dir={tmp_path}/s"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path}/s/study.db")
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 4
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    assert len(lines) == 4
    assert lines[-1].startswith("[4/4]")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", "stacked"])
def test_trials_are_given_up_by_their_own_figures_with_every_launcher(launcher, tmp_path):
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="hydra-joblib-launcher")
    if launcher == "submitit_local":
        pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="hydra-submitit-launcher")
    search = ("hydra.sweeper.pruner=median", "hydra.sweeper.startup_trials=2", "hydra.sweeper.sampler=random")
    words = (*SMALL, "hydra/sweeper=optuna", "optimizer.lr=tag(log,interval(1e-5,1))", "trainer.max_epochs=4", *search)
    at_once = ("hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=8", f"hydra/launcher={launcher}")
    line = [sys.executable, str(PROJECT / "train.py"), "-m", *words, *at_once, f"hydra.sweep.dir={tmp_path}/s"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path}/s/study.db")
    table = {job["job"]: job for job in json.loads((tmp_path / "s" / "sweep.json").read_text())["jobs"]}
    pruned = [trial for trial in study.trials if trial.state.name == "PRUNED"]
    assert pruned
    for trial in pruned:
        decision = json.loads((tmp_path / "s" / table[trial.number]["folder"] / "pruned.json").read_text())
        assert decision["epochs"] == trial.last_step < 4
        assert decision["value"] == max(trial.intermediate_values.values()) < decision["against"]
        assert table[trial.number]["reason"] == decision["reason"]
