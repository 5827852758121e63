"""`groundup measure`: what is asked, what it writes, and that the report shows it."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from groundup.cli.measure import KEYS, Request, main, parse
from groundup.command.place import Place
from groundup.errors import UserError
from groundup.report.configurations import parts_of
from groundup.report.find import find_runs
from groundup.report.pareto import front


@pytest.fixture
def call(tmp_path, capsys, monkeypatch):
    """Gives the command; exit code and what it printed."""
    for name in [*os.environ]:
        if name.endswith("_NUM_THREADS") or name == "GROUNDUP_TRUST":
            monkeypatch.setenv(name, os.environ[name])  # put back afterwards
    monkeypatch.setattr(Place, "settle", lambda place: None)

    def give(*words):
        with pytest.raises(SystemExit) as ended:
            main(Place.of_script(tmp_path / "measure.py"), [str(word) for word in words])
        return ended.value.code, *capsys.readouterr()

    return give


@pytest.fixture
def runs(tmp_path, small_run):
    """A run, the same again with another rate, and one that has failed."""
    _, run_dir = small_run
    for name, lr in (("a", "0.1"), ("b", "0.2")):
        shutil.copytree(run_dir, tmp_path / "runs" / name)
        config = (run_dir / "config.yaml").read_text()
        assert "\n  lr: " in config
        lines = [f"  lr: {lr}" if line.startswith("  lr: ") else line for line in config.splitlines()]
        (tmp_path / "runs" / name / "config.yaml").write_text("\n".join(lines) + "\n")
    shutil.copytree(run_dir, tmp_path / "runs" / "c")
    (tmp_path / "runs" / "c" / "results.json").write_text('{"status": "failed"}')
    return tmp_path / "runs"


def test_runs_are_measured_together_and_the_report_shows_it(call, runs):
    code, out, err = call(runs, "rounds=1", "batch=4")
    assert code == 0
    assert "warning: 1 of 3 runs have not finished: left out" in err
    assert [line.split()[0] for line in out.splitlines()[:3]] == ["run", "a", "b"]
    assert "ms for 4" in out
    assert f"report.py {runs} pareto=image_ms,batch_ms" in out
    written = [json.loads((runs / name / "costs.json").read_text()) for name in "ab"]
    assert len({content["measurement"] for content in written}) == 1
    assert not (runs / "c" / "costs.json").exists()
    [part] = parts_of(find_runs([runs]))
    assert {"image_ms", "batch_ms"} <= set(part.table.figures)
    assert front(part.ranked, "image_ms").cost == "image_ms"


def test_runs_that_were_measured_apart_are_not_compared_and_it_says_so(call, runs):
    for name in "ab":
        assert call(runs / name, "rounds=1", "batch=4")[0] == 0
    found = find_runs([runs])
    assert any("cannot be compared" in note for note in found.notes)
    [part] = parts_of(found)
    assert "image_ms" not in part.table.figures


def test_a_run_that_cannot_be_read_is_named_and_the_others_are_measured(call, runs):
    (runs / "a" / "checkpoints" / "best.ckpt").write_bytes(b"nonsense")
    code, _, err = call(runs, "rounds=1", "batch=4")
    assert code == 1
    assert "a: " in err
    assert "best.ckpt" in err
    assert (runs / "b" / "costs.json").exists()
    assert not (runs / "a" / "costs.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], ""),
        (["nowhere"], "nowhere: no such directory"),
        (["batch=0", "x"], "batch=0: accepted is a number from 1"),
        (["batsh=4", "x"], "batsh=4: there is no key 'batsh'; did you mean batch=4? Accepted: directories, batch="),
        (["--foo"], "--foo: unknown option; accepted: directories"),
        (["batch=4"], "no directory given"),
    ],
)
def test_a_bad_request_is_answered_in_a_sentence(call, words, said):
    code, _, err = call(*words)
    assert code == 2
    assert said in err


def test_where_nothing_has_finished_there_is_nothing_to_measure(call, runs):
    code, _, err = call(runs / "c")
    assert code == 2
    assert "no run in it has finished, so there is nothing to measure" in err


def test_words_are_sorted(tmp_path):
    assert parse([str(tmp_path), "threads=2", "trust=[a,b]"]) == Request([tmp_path], threads=2, trust=("a", "b"))
    with pytest.raises(UserError, match="rounds=x"):
        parse([str(tmp_path), "rounds=x"])
    assert KEYS == ("batch", "threads", "rounds", "trust")
