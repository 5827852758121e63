"""Runs are found wherever they are, each once, and what is damaged is said."""

from __future__ import annotations

import json

import filelock
import pytest
from run_files import make_config, make_results, write_run

from groundup.errors import UserError
from groundup.report.find import find_runs


def statuses(found):
    return {run.name: (run.state.status, run.state.reason) for run in found.runs}


def test_a_run_a_sweep_and_what_holds_them_are_found_each_run_once(tmp_path, make_sweep):
    write_run(tmp_path / "runs" / "mlp-digits" / "one", make_results(), make_config())
    sweep = make_sweep(tmp_path / "sweeps" / "a", (0.1, 0.2), (0, 1), lambda rate, seed: 0.5)
    found = find_runs([sweep / "3", tmp_path, sweep])
    assert sorted(run.name for run in found.runs) == [
        "runs/mlp-digits/one", "sweeps/a/0", "sweeps/a/1", "sweeps/a/2", "sweeps/a/3",
    ]  # fmt: skip
    assert all(run.config for run in found.runs)
    assert found.notes == []


def test_of_one_sweep_alone_the_names_are_the_numbers_of_its_jobs_in_their_order(tmp_path, make_sweep):
    sweep = make_sweep(tmp_path / "a", (0.1,), tuple(range(12)), lambda rate, seed: 0.5)
    found = find_runs([sweep])
    assert [run.name for run in found.runs] == [str(number) for number in range(12)]
    assert found.sweep == sweep
    (sweep / "jobs.jsonl").unlink()
    assert [run.name for run in find_runs([sweep]).runs] == [str(number) for number in range(12)]  # not 0, 1, 10, 11, 2


def test_every_end_of_a_run_is_told(tmp_path, make_sweep):
    sweep = make_sweep(tmp_path / "a", (0.1,), tuple(range(7)), lambda rate, seed: None if seed == 6 else 0.5)

    def change(job, **values):
        file = sweep / str(job) / "results.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | values))

    change(1, status="failed", error="out of\nmemory")
    change(2, status="interrupted", error="stopped by SIGTERM")
    (sweep / "3" / "results.json").unlink()
    (sweep / "4" / "results.json").write_text('{"status": "fini')
    (sweep / "5" / "results.json").unlink()
    with filelock.FileLock(sweep / "5" / ".lock"):
        found = find_runs([sweep])
    assert statuses(found) == {
        "0": ("finished", ""),
        "1": ("failed", "out of memory"),
        "2": ("interrupted", "stopped by SIGTERM"),
        "3": ("killed", "it left no results"),
        "4": ("killed", "its results.json cannot be read"),
        "5": ("running", ""),
        "6": ("not run", ""),
    }


@pytest.mark.parametrize("content", ["", "{", "- 1", "a: [", "seed: 0\ndata: 3", "\x00", "[" * 5000])
def test_a_damaged_config_is_said_and_the_run_still_counts(tmp_path, content):
    run = write_run(tmp_path / "run", make_results())
    (run / "config.yaml").write_text(content)
    found = find_runs([run])
    assert [run.finished for run in found.runs] == [True]
    assert found.notes == ["run: config.yaml is missing or damaged"]


@pytest.mark.parametrize("content", [None, "", "epoch\nabc\n", "no,such\n1,2\n", "\x00", b"\xff\xfe"])
def test_damaged_or_missing_epochs_are_said(tmp_path, content):
    run = write_run(tmp_path / "run", make_results(), make_config(), accuracies=())
    if content is not None:
        (run / "metrics.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    found = find_runs([run])
    assert found.runs[0].epochs == []
    assert found.notes == ["run: metrics.csv is missing or damaged; it is not in the curves"]


def test_numbers_that_are_none_are_left_out_of_the_epochs(tmp_path):
    run = write_run(tmp_path / "run", make_results(), make_config())
    (run / "metrics.csv").write_text("epoch,val/acc,val/loss\n0,,nan\n1,0.5,inf\n2,0.6,x\n")
    assert find_runs([run]).runs[0].epochs == [{"epoch": 0}, {"epoch": 1, "val/acc": 0.5}, {"epoch": 2, "val/acc": 0.6}]


@pytest.mark.parametrize("content", ["{", '{"number": 0, "overrides": 3, "config": {}, "of": 1}\n'])
def test_of_a_sweep_whose_jobs_are_damaged_the_runs_are_still_read(tmp_path, make_sweep, content):
    sweep = make_sweep(tmp_path / "a", (0.1,), (0, 1), lambda rate, seed: 0.5)
    (sweep / "jobs.jsonl").write_text(content)
    found = find_runs([sweep])
    assert [run.name for run in found.runs] == ["0", "1"]
    assert "jobs.jsonl cannot be read" in found.notes[0]


def test_a_sweep_that_has_lost_jobs_is_said(tmp_path, make_sweep):
    sweep = make_sweep(tmp_path / "a", (0.1,), (0, 1, 2), lambda rate, seed: 0.5)
    lines = (sweep / "jobs.jsonl").read_text().splitlines(keepends=True)
    (sweep / "jobs.jsonl").write_text("".join(lines[:2]))
    found = find_runs([sweep])
    assert len(found.runs) == 3
    assert "jobs.jsonl cannot be read" in found.notes[0]


def test_what_is_no_run_is_passed_over(tmp_path):
    write_run(tmp_path / "run", make_results(), make_config())
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("defaults: [a]")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert [run.name for run in find_runs([tmp_path]).runs] == ["run"]


def test_a_path_that_is_not_there_or_holds_no_run_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere: no such directory; accepted: "):
        find_runs([tmp_path / "nowhere"])
    with pytest.raises(UserError, match=f"{tmp_path}: no run in it; accepted: "):
        find_runs([tmp_path])
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file: a file; accepted: "):
        find_runs([tmp_path / "file"])
