"""Bands over seeds."""

from __future__ import annotations

import math

import pytest
from run_files import make_config, make_results, write_run

from groundup.report.curves import band
from groundup.report.find import find_runs


def test_mean_and_sample_deviation_at_each_epoch_by_hand(tmp_path):
    write_run(tmp_path / "0", make_results(), make_config(), accuracies=(0.1, 0.5, 0.9))
    write_run(tmp_path / "1", make_results(1), make_config(1), accuracies=(0.3, 0.7))  # stopped early
    found = band(find_runs([tmp_path]).runs, "val/acc")
    assert [figure.mean for figure in found.points.values()] == pytest.approx([0.2, 0.6])
    assert [figure.n for figure in found.points.values()] == [2, 2]
    assert found.points[1].sd == pytest.approx(math.sqrt(0.02))
    assert found.n == 2


def test_a_curve_is_never_the_mean_of_those_that_are_left(tmp_path):
    """The better ones last longer, and a value that is no number is one of a bad run."""
    values = {"0": (0.1, 0.5, 0.9), "1": (0.3, 0.7), "2": (0.2, float("nan"), 0.3), "3": ()}
    for name, accuracies in values.items():
        write_run(tmp_path / name, make_results(), make_config(), accuracies=accuracies)
    found = band(find_runs([tmp_path]).runs, "val/acc")
    assert {epoch: (figure.mean, figure.n) for epoch, figure in found.points.items()} == {1: (pytest.approx(0.2), 3)}


def test_an_epoch_that_stands_twice_in_a_file_is_one(tmp_path):
    run = write_run(tmp_path / "0", make_results(), make_config())
    (run / "metrics.csv").write_text("epoch,val/acc\n0,0.1\n0,0.3\n")
    found = band(find_runs([tmp_path]).runs, "val/acc")
    assert (found.points[1].mean, found.n) == (0.3, 1)


def test_a_metric_that_no_run_has_makes_no_band(tmp_path):
    write_run(tmp_path / "0", make_results(), make_config())
    assert band(find_runs([tmp_path]).runs, "val/nosuch") is None


def test_a_range_test_has_no_curve(tmp_path):
    write_run(tmp_path / "0", make_results() | {"kind": "lr_range", "suggested_lr": 0.1}, make_config())
    assert band(find_runs([tmp_path]).runs, "val/acc") is None
