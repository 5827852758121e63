"""Mean and deviation, and a figure of a run as it stands in its file."""

from __future__ import annotations

import math

import numpy as np
import pytest

from groundup.rundir.figure import Figure, deviation, number_in


def test_mean_and_sample_deviation_by_hand():
    assert Figure.of([1.0, 2.0, 6.0]) == Figure(3.0, pytest.approx(7**0.5), 3)
    assert Figure.of([1.0]) == Figure(1.0, None, 1)
    assert Figure.of([]) is None


def test_mean_and_deviation_are_those_of_numpy():
    values = np.random.default_rng(0).normal(0.9, 0.01, 7).tolist()
    found = Figure.of(values)
    assert found == (pytest.approx(np.mean(values), rel=1e-14), pytest.approx(np.std(values, ddof=1), rel=1e-12), 7)
    assert found.sd != pytest.approx(np.std(values), rel=1e-2)  # of a sample, not of a population


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_has_no_deviation(value):
    assert math.isnan(deviation([0.5, value]))
    assert not math.isfinite(Figure.of([0.5, value]).mean)


@pytest.mark.parametrize("value", [None, "0.9", True, [], math.nan, math.inf, 10**400])
def test_what_is_no_finite_number_is_no_figure(value):
    assert number_in({"test/acc": value}, "test/acc") is None
    assert number_in({"test/acc": 0.9}, "test/acc") == 0.9


def test_numbers_without_a_square_are_none():
    """Their deviation would be no number, and an error to compute."""
    values = {
        "large": 1e200,
        "negative": -1e308,
        "whole": 10**400,
        "infinite": math.inf,
        "nan": math.nan,
        "loss": 1e149,
    }
    found = {name: number_in(values, name) for name in values}
    assert found == dict.fromkeys(values) | {"loss": 1e149}
    assert math.isfinite(Figure.of([1e149, -1e149]).sd)
    with pytest.raises(OverflowError):
        Figure.of([1.7e308, -1.7e308])
