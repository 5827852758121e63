"""Intervals and p-values: Student's of one source of error, and of two never too narrow."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from groundup.statistics.uncertainty import Uncertainty


@pytest.mark.parametrize("values", [[0.1, 0.3], [0.1, -0.2, 0.4, 0.05, 0.3]])
def test_of_one_source_it_is_students_as_scipy_has_it(values):
    mean, n = np.mean(values), len(values)
    ours = Uncertainty(((np.var(values, ddof=1) / n, n - 1),))
    theirs = stats.ttest_1samp(values, 0)
    for confidence in (0.5, 0.95, 0.999):
        assert ours.interval(mean, confidence) == pytest.approx(theirs.confidence_interval(confidence), rel=1e-12)
    assert ours.p_value(mean) == pytest.approx(theirs.pvalue, rel=1e-12)


def test_of_two_the_squares_of_both_halves_add_up():
    both = Uncertainty(((0.01, 2), (0.04, 999)))
    seeds, images = stats.t.ppf(0.975, 2) * 0.1, stats.t.ppf(0.975, 999) * 0.2
    assert both.half_width() == pytest.approx(math.hypot(seeds, images), rel=1e-12)


@pytest.mark.parametrize("estimate", [0.001, -0.1, 0.5, 40.0])
def test_the_p_value_is_where_the_interval_ends_at_zero(estimate):
    both = Uncertainty(((0.01, 2), (0.04, 999)))
    assert both.half_width(1 - both.p_value(estimate)) == pytest.approx(abs(estimate), rel=1e-6)


def test_an_estimate_of_zero_is_no_evidence_and_a_far_one_has_a_p_value():
    both = Uncertainty(((0.01, 1), (0.04, 999)))
    assert both.p_value(0.0) == 1
    assert 0 < both.p_value(1e6) < 1e-5


def coverage(half_width, ratio, seeds, draws=4000):
    """How often 0 is held by an estimate of one source of that variance, estimated, and one of 1, known."""
    rng = np.random.default_rng(0)
    errors = rng.normal(size=draws) * math.sqrt(ratio + 1)
    variances = ratio * rng.chisquare(seeds - 1, draws) / (seeds - 1)
    return np.mean([abs(error) <= half_width(variance) for error, variance in zip(errors, variances, strict=True)])


@pytest.mark.parametrize(("seeds", "most"), [(2, 0.995), (3, 0.985), (5, 0.975)])
@pytest.mark.parametrize("ratio", [0.1, 10.0])
def test_it_covers_as_often_as_it_says_with_few_seeds_and_little_more(seeds, most, ratio):
    covered = coverage(lambda variance: Uncertainty(((variance, seeds - 1), (1.0, 10**6))).half_width(), ratio, seeds)
    assert 0.94 < covered < most


def test_the_same_check_finds_satterthwaites_degrees_too_narrow():
    def half_width(variance):
        return stats.t.ppf(0.975, (variance + 1) ** 2 / variance**2) * math.sqrt(variance + 1)

    assert coverage(half_width, 10.0, 2) < 0.9
