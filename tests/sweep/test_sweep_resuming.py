"""Sweeps of runs that take no time, stopped and gone on with: what is run again, what is refused."""

from __future__ import annotations

import json
import os
import re
import signal

import pytest
from job_dirs import job_dir
from outcomes import LRS, fail_at, statuses, stop_at

from groundup.rundir.lock import holding


def test_finished_jobs_are_skipped_interrupted_ones_resumed_and_the_rest_run(sweep, runs, capsys, tmp_path):
    runs.behave = stop_at(2)
    assert sweep(*LRS) == 130
    out, err = capsys.readouterr()
    assert f"interrupted; go on with the same command and sweep.resume={tmp_path}/s" in out
    assert "Traceback" not in err
    assert statuses(tmp_path) == ["finished", "finished", "interrupted", "not run"]
    assert json.loads((tmp_path / "s" / "sweep.json").read_text())["jobs"][2]["reason"] == "stopped by SIGINT"

    runs.calls.clear()
    runs.behave = lambda config, run_dir: None
    assert sweep(*LRS, f"sweep.resume={tmp_path}/s") == 0
    assert runs.folders == ["2", "3"]
    assert runs.calls[0]["resume"] == job_dir(tmp_path / "s", 2) / "checkpoints" / "last.ckpt"
    assert runs.calls[1]["resume"] is None
    out = capsys.readouterr().out
    assert "4 jobs in" in out
    assert "2 finished, 1 go on, 1 to run" in out
    assert "[3/4] optimizer.lr=0.2 seed=0" in out
    assert statuses(tmp_path) == ["finished"] * 4


def test_sigterm_between_jobs_ends_the_sweep_with_143(sweep, runs, monkeypatch):
    from groundup.sweep import job

    monkeypatch.setattr(job.Job, "line", lambda *_: os.kill(os.getpid(), signal.SIGTERM) or "")
    before = signal.getsignal(signal.SIGTERM)
    assert sweep("seed=0,1,2") == 143
    assert runs.folders == ["0"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_job_that_failed_or_was_killed_early_begins_anew_in_a_clean_directory(sweep, runs, tmp_path):
    runs.behave = fail_at(0)
    sweep(*LRS)
    (job_dir(tmp_path / "s", 0) / "metrics.csv").write_text("of the first attempt")
    (job_dir(tmp_path / "s", 0) / "notes.txt").write_text("the user's own")
    (job_dir(tmp_path / "s", 1) / "results.json").unlink()  # as if killed

    def look(config, run_dir):
        assert not (run_dir / "metrics.csv").exists()

    runs.behave = look
    runs.calls.clear()
    assert sweep(*LRS, f"sweep.resume={tmp_path}/s") == 0
    assert runs.folders == ["0", "1"]
    assert [call["resume"] for call in runs.calls] == [None, None]
    assert (job_dir(tmp_path / "s", 0) / "notes.txt").exists()


def test_a_job_killed_after_a_checkpoint_goes_on_from_it(sweep, runs, tmp_path):
    sweep(*LRS)
    (job_dir(tmp_path / "s", 1) / "results.json").unlink()
    (job_dir(tmp_path / "s", 1) / "checkpoints").mkdir()
    (job_dir(tmp_path / "s", 1) / "checkpoints" / "last.ckpt").touch()
    runs.calls.clear()
    assert sweep(*LRS, f"sweep.resume={tmp_path}/s") == 0
    assert [call["resume"] for call in runs.calls] == [job_dir(tmp_path / "s", 1) / "checkpoints" / "last.ckpt"]


@pytest.mark.parametrize(
    "words",
    [
        ["seed=1,0", "optimizer.lr=0.2,0.1"],  # another order
        ["seed=range(0,2)", "optimizer.lr=2e-1,0.10", "loss.label_smoothing=0.0"],  # another spelling
        [],  # whatever it has
    ],
)
def test_jobs_keep_their_numbers_however_they_are_asked_for(sweep, train, runs, tmp_path, words):
    runs.behave = fail_at(2)
    sweep(*LRS)
    runs.calls.clear()
    runs.behave = lambda config, run_dir: None
    cpu = ["trainer.accelerator=cpu"] if words else []
    assert train("-m", *cpu, *words, f"sweep.resume={tmp_path}/s") == 0
    assert runs.folders == ["2"]
    assert (runs.calls[0]["config"]["optimizer"]["lr"], runs.calls[0]["config"]["seed"]) == (0.2, 0)


def test_auto_takes_the_newest_sweep_of_the_same_jobs(train, runs, tmp_path):
    def sweep(name, *words):
        runs.calls.clear()
        code = train("-m", "trainer.accelerator=cpu", *words, f"hydra.sweep.dir={tmp_path}/{name}")
        return code, sorted({str(call["run_dir"].relative_to(tmp_path)) for call in runs.calls})

    sweep("2001", "seed=0,1")
    runs.behave = fail_at(1)
    sweep("2002", "seed=0,1")
    sweep("2003", "seed=0,2")
    runs.behave = lambda config, run_dir: None
    assert sweep("2004", "seed=1,0", "sweep.resume=auto") == (0, ["2002/1 seed=1"])
    assert sweep("2005", "seed=0,3", "sweep.resume=auto") == (
        0,
        ["2005/0 seed=0", "2005/1 seed=3"],
    )  # no such sweep: a new one


def test_auto_passes_over_a_damaged_sweep(train, runs, capsys, tmp_path):
    words = ("-m", "trainer.accelerator=cpu", "seed=0,1")
    assert train(*words, f"hydra.sweep.dir={tmp_path}/2001") == 0
    (tmp_path / "2002").mkdir()
    (tmp_path / "2002" / "jobs.jsonl").write_text("garbage\n")
    assert train(*words, "sweep.resume=auto", f"hydra.sweep.dir={tmp_path}/2003") == 0
    out = capsys.readouterr().out
    assert f"passed over: sweep.resume={tmp_path}/2002: jobs.jsonl cannot be read" in out
    assert f"2 jobs in {tmp_path}/2001: 2 finished" in out


def test_auto_waits_for_another_that_looks(train, runs, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("groundup.sweep.sweeper.A_LOOK", 0.01)
    words = ("-m", "trainer.accelerator=cpu", "seed=0,1", f"hydra.sweep.dir={tmp_path}/2001")
    with holding(tmp_path / ".auto.lock"):
        assert train(*words, "sweep.resume=auto") == 2
        assert f"another command is looking in {tmp_path} for it" in capsys.readouterr().err
        assert train(*words) == 0  # which looks for nothing
    with holding(tmp_path / "2001" / ".lock"):
        assert train(*words, "sweep.resume=auto") == 2
        assert f"sweep.resume={tmp_path}/2001: this sweep is still going on" in capsys.readouterr().err
    assert train(*words, "sweep.resume=auto") == 0


@pytest.mark.parametrize(
    ("words", "difference"),
    [
        (["optimizer.lr=0.1,0.3", "seed=0,1"], "optimizer.lr=0.2 in it, optimizer.lr=0.3 now"),
        ([*LRS, "trainer.max_epochs=3"], "trainer.max_epochs=10 in it, trainer.max_epochs=3 now"),
        (["optimizer.lr=0.1", "seed=0,1"], "it also has the job optimizer.lr=0.2 seed=0, which is not asked for now"),
        (["optimizer.lr=0.1,0.2", "seed=0,1,2"], "it has no job optimizer.lr=0.1 seed=2"),
    ],
)
def test_another_sweep_is_refused_with_the_first_difference(sweep, runs, capsys, tmp_path, words, difference):
    sweep(*LRS)
    runs.calls.clear()
    assert sweep(*words, f"sweep.resume={tmp_path}/s") == 2
    assert difference in capsys.readouterr().err
    assert runs.calls == []


def test_a_sweep_that_still_goes_on_is_not_begun_twice(sweep, runs, capsys, tmp_path):
    import filelock

    sweep("seed=0,1")
    with filelock.FileLock(tmp_path / "s" / ".lock"):
        assert sweep("seed=0,1", f"sweep.resume={tmp_path}/s") == 2
    assert "this sweep is still going on in another process" in capsys.readouterr().err


def test_a_damaged_list_of_jobs_is_named(sweep, runs, capsys, tmp_path):
    sweep("seed=0,1")
    whole = (tmp_path / "s" / "jobs.jsonl").read_text().splitlines(keepends=True)
    with (tmp_path / "s" / "jobs.jsonl").open("a") as file:
        file.write("{")
    assert sweep("seed=0,1", f"sweep.resume={tmp_path}/s") == 2
    assert "jobs.jsonl cannot be read" in capsys.readouterr().err
    for lines in ([], whole[1:], whole[:-1], [line.replace('"number": 1', '"number": "x"') for line in whole]):
        (tmp_path / "s" / "jobs.jsonl").write_text("".join(lines))
        assert sweep(f"sweep.resume={tmp_path}/s") == 2
        assert re.search(r"jobs\.jsonl (is damaged|cannot be read)", capsys.readouterr().err)


@pytest.mark.parametrize("place", ["0 lr=0.1 seed=0", "0 lr=0.1 seed=0/checkpoints"])
def test_nothing_is_deleted_through_a_link_in_a_strangers_sweep(sweep, runs, capsys, tmp_path, place):
    runs.behave = fail_at(0)
    sweep(*LRS)
    (tmp_path / "own" / "checkpoints").mkdir(parents=True)
    (tmp_path / "own" / "checkpoints" / "best.ckpt").write_text("mine")
    (tmp_path / "own" / "config.yaml").write_text("mine")
    (tmp_path / "s" / place.partition("/")[0]).rename(tmp_path / "aside")
    (tmp_path / "s" / place).parent.mkdir(exist_ok=True)
    (tmp_path / "s" / place).symlink_to(tmp_path / "own")
    before = sorted(tmp_path.rglob("*"))
    capsys.readouterr()
    assert sweep(*LRS, f"sweep.resume={tmp_path}/s") == 2
    assert f"s/{place}: a link that leads to {tmp_path}/own" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before
