"""The frame of a command, tried on a project of two small files."""

from __future__ import annotations

import importlib.util
import os
import pickle
import shutil
import sys
from pathlib import Path

import pytest

from groundup.errors import Interrupted, RunFailed, UserError

PROJECT = Path(__file__).parents[2]
CONF = """
defaults:
  - _self_
  - model: cnn
  - override hydra/output: runs
seed: 0
resume: null
data: {name: digits}
optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
hydra: {output_subdir: null}
"""
SCRIPT = """
import functools, sys
from pathlib import Path
from groundup.command.frame import Command
from groundup.command.place import Place
from groundup.paths import Home
calls = []
behaviour = None
def toy(cfg):
    calls.append(cfg)
    if behaviour:
        return behaviour(cfg)
root = Path(__file__).parent
place = Place(Home.of_project(root), (root / "conf",), "python {}.py")
def main():
    Command("toy", toy).run(place, sys.argv[1:])
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A project with a command; `toy("a=b")` runs it and gives its exit code."""
    (tmp_path / "conf" / "model").mkdir(parents=True)
    shutil.copytree(PROJECT / "conf" / "hydra" / "output", tmp_path / "conf" / "hydra" / "output")
    (tmp_path / "conf" / "toy.yaml").write_text(CONF)
    for name in ("cnn", "resnet18"):
        (tmp_path / "conf" / "model" / f"{name}.yaml").write_text(f"name: {name}\nwidth: 8\n")
    (tmp_path / "toy.py").write_text(SCRIPT)
    spec = importlib.util.spec_from_file_location("toy", tmp_path / "toy.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    monkeypatch.setenv("GROUNDUP_SWEEP_DIR", "of an earlier sweep")  # so that it is put back after the test

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["toy.py", *words])
        try:
            module.main()
        except SystemExit as ended:
            return ended.code or 0
        return 0

    run.module = module
    run.root = tmp_path
    return run


def test_a_good_command_ends_with_0_and_a_run_directory_below_the_project(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(os.sep)
    assert toy("model.width=3") == 0
    [cfg] = toy.module.calls
    assert cfg.model.width == 3
    assert len(list((tmp_path / "outputs" / "runs" / "cnn-digits").iterdir())) == 1


def test_a_run_in_a_directory_of_its_own_choice_is_relative_to_the_current_one(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    toy("hydra.run.dir=mine")
    assert (tmp_path / "mine" / "train.log").is_file()
    assert not (tmp_path / "outputs").exists()


def test_runs_of_one_second_get_directories_of_their_own(toy, tmp_path):
    for _ in range(5):
        toy()
    assert len(list((tmp_path / "outputs" / "runs" / "cnn-digits").iterdir())) == 5


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["modle=cnn"], "modle=cnn: there is no key 'modle'; did you mean model=cnn?"),
        (["sede=1"], "did you mean seed=1?"),
        (["lr=1"], "did you mean optimizer.lr=1?"),
        (["optimizer.learning_rate=1"], "did you mean optimizer.lr=1?"),
        (["optimizer.momentun=1"], "did you mean optimizer.momentum=1?"),
        (["optimizer.qqq=1"], "Accepted: optimizer.lr, optimizer.momentum"),
        (["optimizer.qqq.zzz=1"], "optimizer.qqq.zzz=1: there is no key 'optimizer.qqq'"),
        (["model.depth=1"], "with model=cnn. Accepted: model.width"),
        (
            ["model=resnet"],
            "model=resnet: there is no model 'resnet'; did you mean model=resnet18? Accepted: resnet18, cnn",
        ),
        (["model=qqq"], "Accepted: cnn, resnet18"),
        (["model=null"], "model=null: a group is chosen by the name of an option"),
        (["model"], "did you mean model=VALUE?"),
        (["data.name=[1"], "not a setting"),
        (["seed=1,2"], "several values are a sweep: add -m"),
        (["hydra/launcher=nosuch"], "Accepted: basic"),
        (["~seeed"], "~seeed: 'seeed' does not exist"),
        (["--foo"], "--foo: unknown option"),
        (["--multirum"], "did you mean --multirun?"),
        (["--model=cnn"], "did you mean model=cnn?"),
        (["--cfg"], "--cfg/-c: expected one argument"),
        (["seed=1", "-m", "word"], "word: not a setting. Write KEY=VALUE"),
        (["hydra.job.env_copy=[NOPE]"], "hydra.job.env_copy=[NOPE]: there is no environment variable NOPE"),
        (["hydra.verbose=3"], "hydra.verbose=3: accepted: true, false, the name of a logger, or a list of names"),
        (["hydra.runtime.output_dir=x"], "hydra.runtime.output_dir=x: Hydra sets this itself"),
        (["model=[cnn,resnet18]"], "model=[cnn,resnet18]: a run has one; several are a sweep: -m model=cnn,resnet18"),
        (["hydra.searchpath=[nosuch]"], "hydra.searchpath=[nosuch]: no such folder"),
        (["-m", "modle=cnn,mlp"], "did you mean model=cnn,mlp?"),
        (["-m", "model=cnn,resnet"], "did you mean model=resnet18?"),
        (["-m", "--foo"], "--foo: unknown option"),
        (["seed=${nosuch}", "hydra.run.dir=${seed}"], "nosuch"),
        (["hydra.run.dir=${oc.env:NOPE}"], "hydra.run.dir=${oc.env:NOPE}: Environment variable 'NOPE' not found"),
        (["hydra.job.name=${oc.env:NOPE}"], "hydra.job.name=${oc.env:NOPE}: Environment variable 'NOPE' not found"),
        (["model=${oc.env:NOPE}"], "model=${oc.env:NOPE}: Environment variable 'NOPE' not found"),
        (["-m", "hydra.sweep.dir=${oc.env:NOPE}"], "hydra.sweep.dir=${oc.env:NOPE}: Environment"),
        (["interpolation=1"], "interpolation=1: there is no key 'interpolation'"),
        (["hydra.run.dir="], "hydra.run.dir=: must be given"),
        (["--config-name=x"], "--config-name=x: no x.yaml in"),
        (["--config-name", "x"], "there are toy"),
        (["--config-path=DIR"], "--config-path=DIR: no toy.yaml in"),
        (["--config-dir=DIR"], "--config-dir=DIR: no such folder"),
        (["+model=cnn"], "+model=cnn: there is a key 'model' already, which is set without the sign: model=cnn"),
        (["+seed=1"], "+seed=1: there is a key 'seed' already, which is set without the sign: seed=1"),
        (["+model=nosuch"], "there is no model 'nosuch'"),
        (["model=3"], "model=3: a group is chosen by the name of an option"),
        (["model=[cnn,nosuch]"], "there is no model 'nosuch'. Accepted: cnn, resnet18"),
        (["model@x=cnn"], "model@x=cnn: there is no group 'model@x'"),
        (["=1"], "=1: not a setting: there is no key"),
        (["seed", "=", "1"], "did you mean seed=1?"),
        (["seed=", "1"], "1: not a setting. Write KEY=VALUE without blanks around the sign; did you mean seed=1?"),
        (["model.width=a&b"], "& cannot stand there unquoted: \"model.width='a&b'\""),
        (["-m", "model.width=a&b"], "model.width=a&b: not a setting"),
        (["-m", "seed=choice()"], "seed=choice(): not a setting: choice(...) does not take that"),
        (["-m", "hydra/launcher=basic,joblib"], "it holds for the whole sweep; accepted: one value"),
        (["+hydra.callbacks.x=1"], "+hydra.callbacks.x=1: must be keys with a _target_"),
        (["+hydra.callbacks.x._target_=nosuch.Y"], "hydra.callbacks.x: Error locating target 'nosuch.Y'"),
        (["hydra.launcher.n_jobs=2"], "a launcher with settings is chosen by hydra/launcher="),
    ],
)
def test_a_bad_request_gets_one_short_message_and_2(toy, capsys, words, expected):
    assert toy(*words) == 2
    out, err = capsys.readouterr()
    assert expected in err
    assert err.startswith("error: ")
    assert len(err.splitlines()) <= 3
    assert "Traceback" not in out + err
    assert "+modle" not in err
    assert toy.module.calls == []


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UserError("lr=-1: too small"), 2, "error: lr=-1: too small\n"),
        (RunFailed("loss is NaN at step 3"), 1, "error: loss is NaN at step 3\n"),
        (Interrupted(15), 143, ""),
        (Interrupted(2), 130, ""),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
    ],
)
def test_how_a_run_ended_is_the_exit_code(toy, capsys, error, code, message):
    def end(cfg):
        raise error

    toy.module.behaviour = end
    assert toy() == code
    assert capsys.readouterr().err == message


@pytest.mark.parametrize("error", [ValueError, OSError, KeyError])
def test_a_bug_keeps_its_traceback(toy, error):
    def end(cfg):
        raise error("a bug")

    toy.module.behaviour = end
    with pytest.raises(error, match="a bug"):
        toy()


def test_a_refused_run_leaves_no_directory(toy, tmp_path):
    def end(cfg):
        raise UserError("no")

    toy.module.behaviour = end
    toy()
    assert not list((tmp_path / "outputs" / "runs").iterdir())


def test_a_refused_sweep_leaves_no_directory(toy, tmp_path):
    assert toy("-m", "seed=0,1", "optimizer.qqq=1") == 2
    assert not list((tmp_path / "outputs").rglob("*.yaml"))


def test_a_failed_run_keeps_its_directory(toy, tmp_path):
    def end(cfg):
        [run_dir] = (tmp_path / "outputs" / "runs" / "cnn-digits").iterdir()
        (run_dir / "results.json").write_text("{}")
        raise UserError("no")

    toy.module.behaviour = end
    toy()
    assert list((tmp_path / "outputs" / "runs").rglob("results.json"))


def test_hydras_own_wish_for_tracebacks_is_respected(toy, monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(Exception, match="Could not override 'modle'"):
        toy("modle=cnn")


def test_a_config_of_ones_own_is_found_where_hydra_finds_it(toy, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "own.yaml").write_text((tmp_path / "conf" / "toy.yaml").read_text().replace("0.1", "0.5"))
    assert toy(f"--config-dir={tmp_path}/mine", "--config-name=own.yaml") == 0
    assert toy.module.calls[-1].optimizer.lr == 0.5
    assert toy(f"--config-dir={tmp_path}/mine", "--config-name=nosuch") == 2
    assert toy("--config-name=nosuch", f"hydra.searchpath=[file://{tmp_path}/mine]") == 2
    assert capsys.readouterr().err.splitlines()[-1] == "error: --config-name=nosuch: there is no such config"


def test_a_path_is_what_was_typed_also_where_tracebacks_are_wanted(toy, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for wanted in ("0", "1"):
        monkeypatch.setenv("HYDRA_FULL_ERROR", wanted)
        assert toy("+data.root=~/photos (1)", f"hydra.run.dir={tmp_path}/ünï&{wanted}") == 0
        assert toy.module.calls[-1].data.root == f"{tmp_path}/photos (1)"
        assert (tmp_path / f"ünï&{wanted}").is_dir()


def test_processes_of_a_run_do_not_inherit_our_environment(toy):
    seen = []
    toy.module.behaviour = lambda cfg: seen.append(os.environ.get("HYDRA_FULL_ERROR"))
    toy()
    assert seen == [None]
    assert "HYDRA_FULL_ERROR" not in os.environ


def test_a_reader_that_has_read_enough_ends_a_command_without_a_word(toy, capfd, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert toy("--cfg", "job") == 1
        monkeypatch.undo()
    assert capfd.readouterr().err == ""


def test_another_pipe_that_breaks_is_not_passed_over(toy):
    def breaks(cfg):
        raise BrokenPipeError("of a helper")

    toy.module.behaviour = breaks
    with pytest.raises(BrokenPipeError, match="of a helper"):
        toy()


def test_an_output_directory_that_cannot_be_made_is_named(toy, capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert toy(f"hydra.run.dir={tmp_path}/file/run") == 2
    err = capsys.readouterr().err
    assert "output directory" in err
    assert str(tmp_path / "file") in err
    assert "hydra.run.dir=DIR" in err


def test_a_log_that_cannot_be_written_is_named(toy, capsys, tmp_path):
    (tmp_path / "run" / "train.log").mkdir(parents=True)
    assert toy(f"hydra.run.dir={tmp_path}/run") == 2
    assert "train.log" in capsys.readouterr().err


def test_a_full_disk_is_said(toy, capsys, monkeypatch):
    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "mkdir", full)
    assert toy() == 2
    assert "No space left on device" in capsys.readouterr().err


def test_a_sweep_goes_on_after_a_failed_job_and_ends_with_1(toy, capsys, tmp_path):
    done = []

    def job(cfg):
        if cfg.seed == 1:
            raise UserError("seed=1: unlucky")
        done.append(cfg.seed)

    toy.module.behaviour = job
    assert toy("-m", "seed=0,1,2") == 1
    assert done == [0, 2]
    err = capsys.readouterr().err
    assert "error: seed=1: unlucky" in err
    assert "Traceback" not in err
    [sweep] = (tmp_path / "outputs" / "sweeps").iterdir()
    assert {"0", "2"} <= {job.name for job in sweep.iterdir()}


def test_a_job_in_another_process_finds_the_resolvers_and_the_project(tmp_path, monkeypatch):
    from omegaconf import OmegaConf

    from groundup.command.frame import Task
    from groundup.command.place import Place

    monkeypatch.setattr(sys, "path", sys.path[:])
    task = pickle.dumps(Task(os.getcwd, Place.of_script(tmp_path / "train.py"), ("train.py",)))
    OmegaConf.clear_resolver("project_path")
    pickle.loads(task)
    assert OmegaConf.create({"x": "${project_path:data}"}).x == str(tmp_path / "data")
    assert str(tmp_path) in sys.path


def test_jobs_of_a_sweep_share_its_directory_and_two_sweeps_do_not(toy, tmp_path):
    toy("-m", "seed=0,1")
    toy("-m", "seed=0,1")
    sweeps = list((tmp_path / "outputs" / "sweeps").iterdir())
    assert len(sweeps) == 2


def test_options_may_stand_between_settings(toy, tmp_path):
    assert toy("seed=0,1", "-m", "model.width=3", f"hydra.sweep.dir={tmp_path}/s") == 0
    assert [(cfg.seed, cfg.model.width) for cfg in toy.module.calls] == [(0, 3), (1, 3)]


def test_an_error_that_only_looks_like_one_of_hydras_values_keeps_its_traceback(toy, monkeypatch):
    def broken(*_):
        raise KeyError("a bug")

    monkeypatch.setattr("groundup.command.frame._refuse_missing_configs", broken)
    with pytest.raises(KeyError, match="a bug"):
        toy()


@pytest.mark.parametrize("option", ["--config-dir", "-cd", "--config-dir="])
def test_a_shell_completes_options_of_the_folder_that_its_line_names(toy, tmp_path, monkeypatch, capsys, option):
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "mine.yaml").write_text("name: mine")
    between = "" if option.endswith("=") else " "
    monkeypatch.setenv("COMP_LINE", f"toy.py {option}{between}{tmp_path}/mine -m model=m")
    assert toy("-sc", "query=bash") == 0
    assert capsys.readouterr().out.split() == ["model=mine"]
