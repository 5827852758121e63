"""`costs.json`: read as anybody may have written it, and times compared within one measurement alone."""

from __future__ import annotations

import json

import pytest

from groundup.rundir.measured import read_measured, with_measured, write_measured
from groundup.rundir.state import JobState


def states(tmp_path, *contents, results=None):
    """What is made of finished runs with these files."""
    found = []
    for number, content in enumerate(contents):
        run_dir = tmp_path / str(number)
        run_dir.mkdir()
        if content is not None:
            write_measured(run_dir, content)
        found.append((run_dir, JobState("finished", results={"status": "finished", **(results or {})})))
    return with_measured(found)


def of(measurement, **figures):
    return {"measurement": measurement, "image_ms": 0.5, "batch_ms": 2.5, **figures}


def test_times_of_one_measurement_are_figures_of_the_runs(tmp_path):
    (first, second, without), mixed = states(tmp_path, of("a"), of("a", image_ms=0.7), None)
    assert (first.results["image_ms"], second.results["image_ms"]) == (0.5, 0.7)
    assert first.results["batch_ms"] == 2.5
    assert "image_ms" not in without.results
    assert not mixed


def test_times_of_two_measurements_are_left_out_and_counts_are_not(tmp_path):
    (first, second), mixed = states(tmp_path, of("a", macs=7), of("b", macs=9))
    assert mixed
    assert "image_ms" not in first.results
    assert "image_ms" not in second.results
    assert (first.results["macs"], second.results["macs"]) == (7, 9)


def test_counts_stand_in_where_a_run_has_none_alone(tmp_path):
    [[state], _] = states(tmp_path, of("a", macs=7, parameters=8), results={"macs": 5, "parameters": None})
    assert (state.results["macs"], state.results["parameters"]) == (5, 8)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", json.dumps({"image_ms": 1.0}), json.dumps(of(3)), "9" * 2_000_000],
    ids=["empty", "list", "half", "unnamed", "named by a number", "too large"],
)
def test_a_damaged_file_says_nothing(tmp_path, content):
    (tmp_path / "costs.json").write_text(content)
    assert read_measured(tmp_path) == {}


def test_figures_that_are_no_numbers_and_other_names_are_passed_over(tmp_path):
    given = of("a", image_ms="fast", batch_ms=None, macs=True) | {"test/acc": 1.0, "status": "failed"}
    [[state], mixed] = states(tmp_path, given)
    assert state.results == {"status": "finished"}
    assert not mixed
