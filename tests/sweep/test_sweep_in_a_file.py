"""What a file says of a sweep, as Hydra documents it: what is swept, by which sweeper and launcher, and whether."""

from __future__ import annotations

import json
import os
import sys

import pytest
from outcomes import fail_at, table

from groundup.errors import UserError
from groundup.rundir.jobs import read_jobs
from groundup.sweep.params import words_of

CPU = "trainer.accelerator=cpu"


@pytest.fixture
def outside(train, runs, tmp_path):
    """A command with the options of somebody else's `conf/`; a sweep of it would be in `tmp_path/s`."""
    from pathlib import Path

    conf = Path(__file__).parents[1] / "outside" / "conf"
    return lambda *words: train("--config-dir", str(conf), *words, CPU)


@pytest.fixture
def experiment(train, runs, tmp_path):
    """Writes an experiment of its own into a folder of options, and gives the words that choose it."""

    def write(text: str, name: str = "own") -> list[str]:
        folder = tmp_path / "conf" / "experiment"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.yaml").write_text(f"# @package _global_\n{text}")
        return ["--config-dir", str(tmp_path / "conf"), f"experiment={name}"]

    return write


def test_params_of_a_file_are_swept_with_the_mode_that_it_names(outside, runs, tmp_path):
    assert outside("experiment=grid", f"hydra.sweep.dir={tmp_path}/s") == 0
    found = [(call["config"]["optimizer"]["lr"], call["config"]["seed"]) for call in runs.calls]
    assert found == [(0.1, 0), (0.1, 1), (0.01, 0), (0.01, 1)]
    assert {call["config"]["data"]["batch_size"] for call in runs.calls} == {32}
    assert {call["config"]["model"]["name"] for call in runs.calls} == {"mlp"}
    assert table(tmp_path)["jobs"][2]["values"] == {"optimizer.lr": "0.01", "seed": "0"}
    assert read_jobs(tmp_path / "s")[1].overrides[:3] == ["optimizer.lr=0.1", "seed=1", "data.batch_size=32"]


def test_the_command_line_wins_key_by_key(outside, runs, tmp_path):
    assert outside("-m", "experiment=grid", "seed=5", "data.batch_size=16,64", f"hydra.sweep.dir={tmp_path}/s") == 0
    configs = [call["config"] for call in runs.calls]
    assert [(c["optimizer"]["lr"], c["data"]["batch_size"]) for c in configs] == [
        (0.1, 16),
        (0.1, 64),
        (0.01, 16),
        (0.01, 64),
    ]
    assert {c["seed"] for c in configs} == {5}


def test_a_sweep_of_a_file_goes_on(outside, runs, tmp_path, capsys):
    words = ("experiment=grid", f"hydra.sweep.dir={tmp_path}/s")
    assert outside(*words) == 0
    assert outside("experiment=grid", f"sweep.resume={tmp_path}/s") == 0
    assert outside("experiment=grid", "sweep.resume=auto", f"hydra.sweep.dir={tmp_path}/t") == 0
    assert len(runs.calls) == 4
    assert outside("experiment=grid", "seed=9", f"sweep.resume={tmp_path}/s") == 2
    assert "another sweep" in capsys.readouterr().err


def test_a_search_of_a_file_is_optunas_and_goes_on(outside, runs, tmp_path, capsys):
    assert outside("-m", "experiment=search", f"hydra.sweep.dir={tmp_path}/s") == 0
    assert "study s in" in capsys.readouterr().out
    assert len(runs.calls) == 3
    assert all(0.001 <= call["config"]["optimizer"]["lr"] <= 0.1 for call in runs.calls)
    assert outside("-m", "experiment=search", "hydra.sweeper.n_trials=4", f"sweep.resume={tmp_path}/s") == 0
    assert len(runs.calls) == 4
    assert "params" not in json.loads((tmp_path / "s" / "study.json").read_text())


def test_the_command_line_wins_over_a_search_of_a_file(outside, runs, tmp_path):
    words = ("optimizer.lr=interval(0.5,0.6)", "model=mlp", f"hydra.sweep.dir={tmp_path}/s")
    assert outside("-m", "experiment=search", *words) == 0
    assert all(0.5 <= call["config"]["optimizer"]["lr"] <= 0.6 for call in runs.calls)
    assert {call["config"]["model"]["name"] for call in runs.calls} == {"mlp"}


def test_the_launcher_of_an_experiment_launches(outside, tmp_path, monkeypatch):
    import groundup.sweep.sweeper

    seen = []
    monkeypatch.setattr(groundup.sweep.sweeper, "launch", lambda launcher, jobs, folder: seen.append(launcher))
    assert outside("-m", "experiment=two_at_a_time", "seed=0,1", f"hydra.sweep.dir={tmp_path}/s") == 1  # nothing ran
    assert [type(launcher).__name__ for launcher in seen] == ["JoblibLauncher"]
    assert seen[0].joblib["n_jobs"] == 2


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("defaults:\n  - override /hydra/launcher: joblib\n", "hydra.launcher: there is one for the whole sweep"),
        ("defaults:\n  - override /hydra/sweeper: optuna\n", "hydra.sweeper: there is one for the whole sweep"),
        ("hydra:\n  sweeper:\n    params:\n      seed: 3,4\n", "hydra.sweeper: there is one for the whole sweep"),
        ("hydra:\n  sweep:\n    subdir: x\n", "hydra.sweep: there is one for the whole sweep"),
        ("hydra:\n  job:\n    env_set:\n      A: b\n", "hydra.job: there is one for the whole sweep"),
        ("hydra:\n  verbose: true\n", "hydra.verbose: there is one for the whole sweep"),
    ],
)
def test_what_holds_for_the_whole_sweep_is_not_swept_unseen(experiment, train, runs, tmp_path, capsys, text, named):
    experiment("seed: 1\n", "a")
    words = experiment(text, "b")[:2]
    assert train("-m", *words, "experiment=a,b", CPU, f"hydra.sweep.dir={tmp_path}/s") == 2
    err = capsys.readouterr().err
    assert named in err
    assert "1 of 2 jobs: experiment=b" in err
    assert runs.calls == []


def test_experiments_that_say_nothing_of_the_sweep_are_swept(experiment, train, runs, tmp_path):
    experiment("seed: 1\nhydra:\n  run:\n    dir: not/of/a/sweep\n", "a")
    words = experiment("seed: 2\n", "b")[:2]
    assert train("-m", *words, "experiment=a,b", CPU, f"hydra.sweep.dir={tmp_path}/s") == 0
    assert [call["config"]["seed"] for call in runs.calls] == [1, 2]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("two_at_a_time", "hydra/launcher=joblib"),
        ("search", "hydra/sweeper=optuna, hydra.sweeper.params.optimizer.lr, hydra.sweeper.params.model"),
    ],
)
def test_one_run_says_what_of_its_file_is_for_sweeps(outside, runs, tmp_path, capsys, name, said):
    assert outside(f"experiment={name}", f"hydra.run.dir={tmp_path}/run") == 0
    assert f"without -m this is one run; of a sweep, and not used: {said}\n" in capsys.readouterr().out
    assert len(runs.calls) == 1


@pytest.mark.parametrize(
    "word",
    [
        "hydra/launcher=joblib",
        "hydra/sweeper=optuna",
        "hydra.sweep.dir=x",
        "sweep.fail_fast=true",
        "+hydra.sweeper.params.seed='0,1'",
    ],
)
def test_one_run_refuses_what_is_typed_for_a_sweep(train, runs, tmp_path, capsys, word):
    assert train(word, CPU, f"hydra.run.dir={tmp_path}/run") == 2
    assert f"error: {word} without -m: it is about a sweep" in capsys.readouterr().err
    assert runs.calls == []


def test_a_sweep_is_asked_for_by_its_mode_as_well(train, runs, tmp_path, capsys):
    words = ("model=mlp,numpy_mlp", "model.hidden_dims=[16]", CPU, f"hydra.sweep.dir={tmp_path}/s")
    assert train("hydra.mode=MULTIRUN", *words) == 0
    assert [call["config"]["model"]["name"] for call in runs.calls] == ["mlp", "numpy_mlp"]
    assert train("-m", "hydra.mode=RUN", "seed=0,1") == 2
    assert "error: -m with hydra.mode=RUN: a sweep, or one run?" in capsys.readouterr().err


def test_params_are_the_words_of_a_command_line():
    params = {"optimizer.lr": "0.1,0.01", "seed": 3, "model": "glob(*)", "trainer.compile": True, "resume": None}
    assert words_of(params) == [
        "optimizer.lr=0.1,0.01",
        "seed=3",
        "model=glob(*)",
        "trainer.compile=true",
        "resume=null",
    ]
    assert words_of({"+model.x": "'a,b'", "model.hidden_dims": "[16],[32]"}) == [
        "+model.x='a,b'",
        "model.hidden_dims=[16],[32]",
    ]
    assert words_of(None) == words_of({}) == []


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"seed": [0, 1]}, "hydra.sweeper.params.seed=[0,1]: a list; accepted: text, 0,1 for several values"),
        ({"model": {"width": "3,4"}}, "hydra.sweeper.params.model: nested keys; accepted: one key with dots"),
        ({"sweep.max_jobs": 3}, "hydra.sweeper.params.sweep.max_jobs: holds for the whole sweep"),
        ({"hydra.launcher.n_jobs": 3}, "hydra.sweeper.params.hydra.launcher.n_jobs: holds for the whole sweep"),
        ({"hydra/launcher": "joblib"}, "hydra.sweeper.params.hydra/launcher: holds for the whole sweep"),
        ("seed=0,1", "hydra.sweeper.params=seed=0,1: accepted: keys with values"),
    ],
)
def test_params_that_are_no_settings_are_refused(params, said):
    with pytest.raises(UserError) as refused:
        words_of(params)
    assert str(refused.value).startswith(said)


def test_a_wrong_key_of_params_is_answered_as_one_that_was_typed(experiment, train, tmp_path, capsys):
    words = experiment("hydra:\n  sweeper:\n    params:\n      optimizer.lrr: 0.1,0.2\n")
    assert train("-m", *words, CPU, f"hydra.sweep.dir={tmp_path}/s") == 2
    assert "optimizer.lrr=0.1,0.2: there is no key 'optimizer.lrr'" in capsys.readouterr().err


def test_folders_of_jobs_that_a_file_names_are_refused(experiment, train, runs, tmp_path, capsys):
    words = experiment("hydra:\n  sweep:\n    subdir: ${hydra.job.override_dirname}\n")
    assert train("-m", *words, "seed=0,1", CPU, f"hydra.sweep.dir={tmp_path}/s") == 2
    said = "hydra.sweep.subdir=${hydra.job.override_dirname}: the folders of a sweep's jobs have names of their own"
    assert said in capsys.readouterr().err


CALLBACK = """
from hydra.experimental.callback import Callback
import os

class Note(Callback):
    seen = []
    def on_multirun_start(self, config, **_): self.seen.append("sweep")
    def on_multirun_end(self, config, **_): self.seen.append("end of sweep")
    def on_run_start(self, config, **_): self.seen.append("run")
    def on_run_end(self, config, **_): self.seen.append("end of run")
    def on_job_start(self, config, **_):
        self.seen.append((config.hydra.job.name, os.environ["OF_THE_JOB"], os.path.basename(os.getcwd())))
    def on_job_end(self, config, job_return, **_): self.seen.append(job_return.status.name)
"""
OF_HYDRA = """
hydra:
  job:
    name: job_${hydra.job.override_dirname}
    chdir: true
    env_set: {OF_THE_JOB: "1"}
    config: {override_dirname: {kv_sep: "-", exclude_keys: [experiment, trainer.accelerator]}}
  callbacks:
    note: {_target_: noting.Note}
"""


@pytest.fixture
def noted(tmp_path, monkeypatch):
    """What somebody's Hydra callback has seen."""
    (tmp_path / "noting.py").write_text(CALLBACK)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "noting", raising=False)
    import noting

    return noting.Note.seen


def test_hydras_own_settings_of_a_file_hold_for_every_job(experiment, train, runs, noted, tmp_path):
    runs.behave = fail_at(1)
    words = experiment(OF_HYDRA)
    assert train("-m", *words, "seed=4,5", CPU, f"hydra.sweep.dir={tmp_path}/s") == 1
    jobs = [("job_seed-4", "1", "0 seed=4"), "COMPLETED", ("job_seed-5", "1", "1 seed=5"), "FAILED"]
    assert noted == ["sweep", *jobs]  # of a sweep of which a job failed Hydra says no end
    assert "OF_THE_JOB" not in os.environ


def test_hydras_own_settings_of_a_file_hold_for_a_run(experiment, train, runs, noted, tmp_path):
    assert train(*experiment(OF_HYDRA), "seed=4", CPU, f"hydra.run.dir={tmp_path}/run") == 0
    assert noted == ["run", ("job_seed-4", "1", "run"), "COMPLETED", "end of run"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("hydra.job.num=3", "hydra.job.num=3: every job of a sweep has its own"),
        ("hydra.runtime.cwd=x", "hydra.runtime.cwd=x: Hydra sets this itself and would ignore the value"),
        ("hydra.run.dir=x", "hydra.run.dir=x with -m: the directory of a sweep is set by hydra.sweep.dir=x"),
    ],
)
def test_what_no_sweep_obeys_is_refused(sweep, capsys, word, said):
    assert sweep("seed=0,1", word) == 2
    assert said in capsys.readouterr().err


def test_another_sweeper_than_ours_refuses_the_keys_of_ours(train, runs, tmp_path, capsys):
    words = ("-m", "hydra/sweeper=basic", "seed=0,1", CPU, f"hydra.sweep.dir={tmp_path}/s")
    assert train(*words) == 0
    assert len(runs.calls) == 2
    assert train(*words, "sweep.fail_fast=true") == 1
    assert "hydra/sweeper=basic knows nothing of it; accepted: hydra/sweeper=groundup" in capsys.readouterr().err
    assert len(runs.calls) == 2


def test_lists_of_options_are_values_of_a_sweep(train, runs, tmp_path, capsys):
    words = ("-m", "callbacks=default,[default,early_stopping]", CPU, f"hydra.sweep.dir={tmp_path}/s")
    assert train(*words) == 0
    assert ["early_stopping" in call["config"]["callbacks"] for call in runs.calls] == [False, True]
    assert train("-m", "data=[mnist,cifar10],digits", CPU, f"hydra.sweep.dir={tmp_path}/t") == 2
    assert "data=[mnist,cifar10]: a run has one; several are a sweep" in capsys.readouterr().err


def test_a_variable_of_the_environment_that_is_not_there_is_said(train, runs, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("NOPE", raising=False)
    assert train("seed=${oc.env:NOPE}", CPU, f"hydra.run.dir={tmp_path}/run") == 2
    assert capsys.readouterr().err == "error: seed=${oc.env:NOPE}: Environment variable 'NOPE' not found\n"
