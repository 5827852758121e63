"""Sweeps of runs that take no time: what is run, what is refused, what is said."""

from __future__ import annotations

import re

import pytest
from job_dirs import job_dir, number_in
from outcomes import LRS, fail_at, results, statuses, table


def test_every_combination_is_run_the_last_key_varying_fastest(sweep, runs):
    assert sweep("model=mlp,lenet", *LRS) == 0
    found = [(c["config"]["model"]["name"], c["config"]["optimizer"]["lr"], c["config"]["seed"]) for c in runs.calls]
    assert found == [(model, lr, seed) for model in ("mlp", "lenet") for lr in (0.1, 0.2) for seed in (0, 1)]
    assert runs.folders == [str(number) for number in range(8)]
    assert runs.calls[3]["overrides"] == ["trainer.accelerator=cpu", "model=mlp", "optimizer.lr=0.2", "seed=1"]


def test_a_job_gets_the_config_of_the_same_run_alone(sweep, train, runs, tmp_path):
    train("seed=1", "optimizer.lr=0.2", "trainer.accelerator=cpu", f"hydra.run.dir={tmp_path}/alone")
    sweep(*LRS)
    assert runs.calls[4]["config"] == runs.calls[0]["config"]


def test_a_line_for_each_job_and_a_table_at_the_end(sweep, capsys, tmp_path):
    assert sweep(*LRS) == 0
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if line.startswith("[")]
    assert len(lines) == 4
    assert re.fullmatch(
        r"\[1/4\] optimizer.lr=0.1 seed=0  val/acc 0.100  test/acc 0.050  [\d.]+ s  left [\d.]+ s", lines[0]
    )
    assert re.fullmatch(r"\[4/4\] optimizer.lr=0.2 seed=1  val/acc 0.210  test/acc 0.105  [\d.]+ s", lines[3])
    assert "0.2050 ± 0.0071" in out
    assert "Launching" not in out
    for name in ("sweep.csv", "sweep.md", "sweep.json", "jobs.jsonl"):
        assert (tmp_path / "s" / name).stat().st_size


def test_one_failing_job_does_not_stop_the_others_and_the_exit_code_says_so(sweep, runs, capsys, tmp_path):
    runs.behave = fail_at(1)
    assert sweep(*LRS) == 1
    assert runs.folders == ["0", "1", "2", "3"]
    out, err = capsys.readouterr()
    assert "[2/4] optimizer.lr=0.1 seed=1  failed: the loss became nan" in out
    assert err == f"error: of 4 jobs: 1 failed; once more with these: sweep.resume={tmp_path}/s\n"
    assert statuses(tmp_path) == ["finished", "failed", "finished", "finished"]
    assert table(tmp_path)["jobs"][1]["reason"] == "the loss became nan"


def test_a_bug_in_a_job_is_a_failure_too_with_its_traceback_in_the_log(sweep, runs, capsys, tmp_path, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("groundup.run.run.run", broken)
    assert sweep("seed=0,1") == 1
    assert results(tmp_path, 1)["error"] == "ZeroDivisionError: a bug"
    assert "Traceback" not in "".join(capsys.readouterr())
    assert "ZeroDivisionError: a bug" in (job_dir(tmp_path / "s", 1) / "train.log").read_text()


def test_tracebacks_are_shown_where_they_are_asked_for(sweep, runs, capsys, monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    runs.behave = fail_at(0)
    with pytest.raises(Exception, match="1 failed"):
        sweep("seed=0,1")
    assert "RunFailed: the loss became nan" in capsys.readouterr().err


def test_a_launcher_that_fails_leaves_a_table_and_says_how_to_go_on(sweep, runs, capsys, tmp_path, monkeypatch):
    from hydra.core.plugins import Plugins
    from hydra.plugins.launcher import Launcher

    # the class as Hydra has it: looking for plugins, it loads their modules once more
    [basic] = [found for found in Plugins.instance().discover(Launcher) if found.__name__ == "BasicLauncher"]
    launch = basic.launch

    def broken(self, words, initial_job_idx):
        if initial_job_idx == 1:
            raise RuntimeError("a worker was killed")
        return launch(self, words, initial_job_idx)

    monkeypatch.setattr(basic, "launch", broken)
    assert sweep("seed=0,1") == 1
    err = capsys.readouterr().err
    assert err == (
        f"error: the launcher failed: RuntimeError: a worker was killed; go on with sweep.resume={tmp_path}/s\n"
    )
    assert statuses(tmp_path) == ["finished", "not run"]


def test_a_table_that_cannot_be_written_is_shown_all_the_same(sweep, runs, capsys, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("groundup.sweep.outcome.write_table", full)
    assert sweep("seed=0,1") == 1
    out, err = capsys.readouterr()
    assert "0.0550 ± 0.0071" in out
    assert "the table cannot be written: [Errno 28] No space left on device" in out
    assert f"sweep.resume={tmp_path}/s" in err


def test_fail_fast_begins_no_job_after_a_failed_one(sweep, runs, capsys, tmp_path):
    runs.behave = fail_at(1)
    assert sweep(*LRS, "sweep.fail_fast=true") == 1
    assert runs.folders == ["0", "1"]
    assert statuses(tmp_path) == ["finished", "failed", "not run", "not run"]
    assert "1 failed, 2 not run" in capsys.readouterr().err
    assert not job_dir(tmp_path / "s", 2).exists()


def test_after_fail_fast_the_sweep_goes_on_with_the_failed_job_and_the_rest(sweep, runs, tmp_path):
    runs.behave = fail_at(1)
    sweep(*LRS, "sweep.fail_fast=true")
    runs.behave = lambda config, run_dir: None
    assert sweep(*LRS, f"sweep.resume={tmp_path}/s", "sweep.fail_fast=true") == 0
    assert runs.folders == ["0", "1", "1", "2", "3"]


# Refused before the first job


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["optimizer.lr=0.1,-1,0"], ["optimizer.lr=-1: must be greater than 0\n", "1 of 3 jobs: optimizer.lr=0\n"]),
        (["seed=0,1", "optimizer.lr=-1"], ["error: optimizer.lr=-1: must be greater than 0\n"]),
        (["seed=0,a", "optimizer.lr=-1,1"], ["seed=a: must be a whole number\n         2 of 4 jobs: seed=a\n"]),
        (["model=mlp,lenet", "model.hidden_dims=[8]"], ["no key 'model.hidden_dims' with model=lenet", "1 of 2 jobs"]),
        (["model=mlp,lenet", "data.image_size=null,8"], ["needs images", "1 of 4 jobs: model=lenet data.image_size=8"]),
        (["model=mlp,resnet"], ["there is no model 'resnet'; did you mean model=resnet18?"]),
        (["trainer.devices=1,2"], ["trainer.devices=2 in a sweep: accepted: 1", "1 of 2 jobs"]),
        (["resume=auto", "seed=0,1"], ["resume=auto in a sweep: go on with a whole sweep by sweep.resume=DIR"]),
        (["seed=range(0,0)"], ["seed=range(0,0): no value at all, so the sweep has 0 jobs"]),
        (["seed=range(0,10001)"], ["sweep.max_jobs=10000: this sweep has 10,001 jobs", "sweep.max_jobs=10001"]),
        (["seed=range(0,1000000000)", "optimizer.lr=range(0,1,0.000000001)"], ["1,000,000,000,000,000,000 jobs"]),
        (["seed=0,1,2", "sweep.max_jobs=2"], ["sweep.max_jobs=2: this sweep has 3 jobs"]),
        (["seed=interval(0,1)"], ["seed=interval(0,1): not a list of values"]),
        (["model=mlp", "model.hidden_dims=16,32"], ["model.hidden_dims=16: must be a list; a list is written [16]\n"]),
        (
            ["seed=0,1", "hydra.sweep.subdir=x"],
            ["hydra.sweep.subdir=x: the folders of a sweep's jobs have names of their own"],
        ),
        (["seed=0,1", "+hydra.sweep.checked=true"], ["+hydra.sweep.checked=true: a sweep sets this for its jobs"]),
        (
            ["seed=0,1", "hydra.run.dir=x"],
            ["hydra.run.dir=x with -m: the directory of a sweep is set by hydra.sweep.dir=x"],
        ),
        (["seed=0,1", "sweep.fail_fast=true,false"], ["it holds for the whole sweep; accepted: one value"]),
        (["seed=0,1", "sweep.max_jobs=many"], ["sweep.max_jobs=many: must be a whole number"]),
        (["seed=0,1", "sweep.fial_fast=true"], ["did you mean sweep.fail_fast=true?"]),
        (
            ["seed=0,1", "sweep.resume=nowhere"],
            ["nowhere: no jobs.jsonl there; accepted: auto, or a sweep's directory"],
        ),
    ],
)
def test_what_is_wrong_with_any_job_is_said_before_the_first(sweep, runs, capsys, tmp_path, words, expected):
    assert sweep(*words) == 2
    err = capsys.readouterr().err
    for part in expected:
        assert part in err
    assert "Traceback" not in err
    assert runs.calls == []
    assert not (tmp_path / "s").exists()


def test_a_sweep_is_resumed_with_m_alone(train, capsys):
    assert train("sweep.resume=auto") == 2
    assert "sweep.resume=auto without -m" in capsys.readouterr().err


def test_a_setting_that_the_default_model_lacks_is_accepted_where_every_job_has_it(sweep, runs):
    assert sweep("model=mlp,numpy_mlp", "model.hidden_dims=[8]") == 0
    assert [call["config"]["model"]["hidden_dims"] for call in runs.calls] == [[8], [8]]
    assert runs.calls[0]["overrides"][-1] == "model.hidden_dims=[8]"


def test_jobs_of_one_config_are_run_once(sweep, runs, capsys):
    assert sweep("seed=0,1,0", "optimizer.momentum=0", "optimizer.nesterov=true,false") == 0
    assert [call["config"]["seed"] for call in runs.calls] == [0, 1]
    out = capsys.readouterr().out
    assert (
        "left out, being the same as another job: seed=0 optimizer.nesterov=false (as seed=0 optimizer.nesterov=true), "
        in out
    )


def test_a_value_that_was_given_twice_is_said_so(sweep, runs, capsys):
    assert sweep("optimizer.lr=0.1,0.1", "seed=0,1") == 0
    assert [call["config"]["seed"] for call in runs.calls] == [0, 1]
    assert "another job: seed=0 (given twice), seed=1 (given twice)\n" in capsys.readouterr().out


def test_a_sweep_of_one_job_has_no_label(sweep, runs, capsys):
    assert sweep("seed=3") == 0
    assert "\n[1/1]  val/acc" in capsys.readouterr().out


def test_a_job_has_one_line_also_where_its_reason_has_several(sweep, runs, capsys):
    runs.behave = fail_at(1, "files are missing.\nPut them there.")
    assert sweep("seed=0,1") == 1
    assert "[2/2] seed=1  failed: files are missing. Put them there.  " in capsys.readouterr().out


def test_a_directory_that_holds_runs_is_not_written_over(sweep, runs, capsys):
    assert sweep("seed=0,1") == 0
    assert sweep("seed=0,1") == 2
    assert "holds a sweep already; go on with it by sweep.resume=" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["sweep.csv", "sweep.md", "sweep.json"])
def test_a_table_of_the_users_own_is_not_written_over(sweep, runs, capsys, tmp_path, name):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / name).write_text("mine")
    assert sweep("seed=0,1") == 2
    assert f"s: holds {name} and no sweep" in capsys.readouterr().err
    assert [(path.name, path.read_text()) for path in (tmp_path / "s").iterdir()] == [(name, "mine")]


def test_a_directory_with_a_run_of_another_origin_is_not_taken_for_a_job(sweep, runs, capsys, tmp_path):
    job_dir(tmp_path / "s", 1).mkdir(parents=True)
    (job_dir(tmp_path / "s", 1) / "results.json").write_text('{"status": "finished"}')
    assert sweep("seed=0,1") == 2
    assert "its folder 1 holds a run already" in capsys.readouterr().err


def test_two_sweeps_of_one_moment_get_two_directories(train, runs, tmp_path, monkeypatch):
    monkeypatch.setattr("groundup.paths.datetime", FrozenTime)
    made = []
    for _ in range(2):
        train("-m", "seed=0,1")
        made.append(runs.calls[-1]["run_dir"].parent)
    try:
        assert made[0] != made[1]
    finally:
        import shutil

        for folder in made:
            shutil.rmtree(folder)


class FrozenTime:
    @staticmethod
    def now():
        from datetime import datetime

        return datetime(2000, 1, 1)


def test_a_part_that_ends_the_process_is_a_failed_job(sweep, runs, tmp_path):
    def leave(config, run_dir):
        if number_in(run_dir) == 1:
            raise SystemExit(3)

    runs.behave = leave
    assert sweep(*LRS) == 1
    assert statuses(tmp_path) == ["finished", "failed", "finished", "finished"]
    assert "SystemExit: 3" in results(tmp_path, 1)["error"]
