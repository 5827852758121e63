"""All that is said of a pair: how probably a run beats one of the other, how many more seeds, many pairs at once."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr

from groundup.statistics.beats import beats
from groundup.statistics.comparison import compare_answers, compare_figures
from groundup.statistics.components import components_of
from groundup.statistics.holm import holm
from groundup.statistics.more_seeds import more_seeds, smallest_settled


def answers(seeds, images, accuracy, rng, of_seed=0.0):
    """Of two configurations with these accuracies, images hard for both."""
    hard = 3 * rng.normal(size=images)
    for each in accuracy:
        mean = stats.norm.ppf(each) * math.sqrt(10) + of_seed * rng.normal(size=(seeds, 1))
        yield mean + hard + rng.normal(size=(seeds, images)) > 0


def test_a_large_difference_is_settled_and_none_is_not():
    rng = np.random.default_rng(0)
    assert compare_answers(*answers(3, 5000, (0.95, 0.85), rng)).p_value < 0.01
    assert compare_answers(*answers(3, 5000, (0.9, 0.9), rng)).p_value > 0.05


def test_false_differences_are_rare_and_true_ones_are_found():
    rng = np.random.default_rng(0)
    false = [compare_answers(*answers(3, 400, (0.9, 0.9), rng, 0.2)).p_value <= 0.05 for _ in range(300)]
    true = [compare_answers(*answers(5, 400, (0.9, 0.75), rng, 0.2)).p_value <= 0.05 for _ in range(30)]
    assert np.mean(false) <= 0.06
    assert np.mean(true) > 0.9


def test_the_first_less_the_second_is_the_second_less_the_first_turned_round():
    first, second = answers(3, 500, (0.95, 0.9), np.random.default_rng(0))
    one, other = compare_answers(first, second), compare_answers(second, first)
    assert one.over_both == pytest.approx([-end for end in other.over_both[::-1]])
    assert one.beats[0] == pytest.approx(1 - other.beats[0])
    assert one.beats[1] == pytest.approx([1 - end for end in other.beats[1][::-1]])


def test_without_answers_it_is_students_paired_test_over_the_seeds():
    first, second = [0.91, 0.93, 0.92], [0.90, 0.905, 0.91]
    found, theirs = compare_figures(first, second), stats.ttest_rel(first, second)
    assert found.over_seeds == pytest.approx(theirs.confidence_interval(), rel=1e-9)
    assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
    assert found.over_images is None
    assert found.over_both is None


@pytest.mark.parametrize(("first", "second"), [([0.9], [0.8]), ([0.9, 0.8], [0.8, 0.7])])
def test_one_seed_or_the_same_difference_with_each_settles_nothing(first, second):
    found = compare_figures(first, second)
    assert found.difference == pytest.approx(0.1)
    assert found.p_value is None
    assert found.over_seeds is None
    assert found.more_seeds() is None


# How probably a run of the first beats one of the second


def test_the_probability_is_that_of_normal_figures_and_the_ends_are_those_of_scipys_noncentral_t():
    first, second = [0.93, 0.95, 0.91, 0.94], [0.92, 0.90, 0.93, 0.91]
    probability, (low, high) = beats(first, second)
    one, other = np.var(first, ddof=1), np.var(second, ddof=1)
    scale = math.sqrt(one + other)
    assert probability == pytest.approx(ndtr((np.mean(first) - np.mean(second)) / scale))
    t = (np.mean(first) - np.mean(second)) / (scale / 2)
    degrees = (one + other) ** 2 / ((one**2 + other**2) / 3)
    for end, share in ((low, 0.975), (high, 0.025)):
        assert stats.nct.cdf(t, degrees, stats.norm.ppf(end) * 2) == pytest.approx(share, abs=1e-6)


def test_of_many_runs_it_is_the_share_of_pairs_that_mann_and_whitney_count():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.6, 1, 400), rng.normal(0, 2, 300)
    share = stats.mannwhitneyu(first, second).statistic / 400 / 300
    probability, (low, high) = beats(first, second)
    assert probability == pytest.approx(share, abs=0.02)
    assert low < share < high


def test_its_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth = ndtr(1 / math.sqrt(5))
    ends = [beats(rng.normal(1, 1, 3), rng.normal(0, 2, 3))[1] for _ in range(500)]
    assert 0.92 < np.mean([low <= truth <= high for low, high in ends]) < 0.99


@pytest.mark.parametrize(("first", "second"), [([0.9], [0.8, 0.7]), ([0.9, 0.9], [0.8, 0.8])])
def test_of_one_run_or_of_equal_ones_no_probability_is_known(first, second):
    assert beats(first, second) is None


def test_figures_that_hardly_vary_have_a_probability_too():
    probability, interval = beats([0.9, 0.9 + 1e-9], [0.8, 0.8 + 1e-9])
    assert (probability, *interval) == pytest.approx((1, 1, 1))


# More seeds


@pytest.mark.parametrize("difference", [0.004, 0.003, -0.003])
def test_the_number_of_seeds_is_the_first_that_would_do(difference):
    of_seeds, of_images, level, z = 1e-5, 1e-6, 0.05, stats.norm.ppf(0.8)

    def would_do(seeds):
        reach = math.hypot(
            stats.t.ppf(1 - level / 2, seeds - 1) * math.sqrt(of_seeds / seeds),
            stats.t.ppf(1 - level / 2, 9999) * math.sqrt(of_images),
        )
        return abs(difference) >= reach + z * math.sqrt(of_seeds / seeds)

    expected = next(more for more in itertools.count(1) if would_do(3 + more))
    assert more_seeds(difference, 3, of_seeds, 10_000, of_images, level) == expected


def test_where_the_images_limit_it_no_number_of_seeds_would_do():
    least = smallest_settled(10_000, 1e-6, 0.05)
    assert least == pytest.approx(1.96e-3, rel=1e-3)
    assert more_seeds(0.99 * least, 3, 1e-5, 10_000, 1e-6, 0.05) is None
    assert more_seeds(1.5 * least, 3, 1e-5, 10_000, 1e-6, 0.05) is not None
    assert more_seeds(0.99 * least, 3, 1e-5, None, 0.0, 0.05) is not None


def test_a_number_of_seeds_that_nobody_would_run_is_none():
    assert more_seeds(1e-6, 3, 1e-5, None, 0.0, 0.05) is None


# Many pairs


def test_holms_correction_by_hand():
    # sorted 0.005 * 4, 0.01 * 3, 0.03 * 2, and 0.04, which may not be below the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_those_chosen_out_of_more_are_corrected_for_all():
    assert holm([0.01, 0.002], 10) == pytest.approx([0.09, 0.02])
    assert holm([0.5], 3) == [1]
    with pytest.raises(ValueError, match="family=1"):
        holm([0.1, 0.2], 1)


def test_more_seeds_are_named_for_the_interval_over_images_too():
    """Seeds that agree by chance seem to need no further ones, while single answers differ much."""
    as_if_sure = more_seeds(0.01, 3, 1e-7, 1000, 1e-7, 0.05)
    enough = more_seeds(0.01, 3, 1e-7, 1000, 1e-7, 0.05, of_answers=3e-4)
    assert as_if_sure == 1
    half = stats.t.ppf(0.975, 999) * np.sqrt(1e-7 + 3e-4 / (3 + enough))
    assert half < 0.01 < stats.t.ppf(0.975, 999) * np.sqrt(1e-7 + 3e-4 / (2 + enough)) * 1.03


def test_equal_differences_do_not_name_a_number_of_seeds():
    first = np.stack([np.roll(np.arange(1000) < 510, seed) for seed in range(3)])
    found = compare_answers(first, np.stack([np.roll(np.arange(1000) < 500, seed) for seed in range(3)]))
    assert found.over_seeds is None
    assert found.over_both is not None
    assert found.more_seeds() is None


def test_an_interval_over_both_is_no_narrower_than_either_alone():
    """Three seeds that agree by chance, over many images on which their runs do not."""
    draw = np.random.default_rng(0)
    first, second = (draw.random((3, 10_000)) < share for share in (0.992, 0.988))
    for run, count in zip(first, (9_920, 9_921, 9_919), strict=True):
        run[:] = np.arange(10_000) < count
        draw.shuffle(run)
    for run in second:
        run[:] = np.arange(10_000) < 9_880
        draw.shuffle(run)
    found = compare_answers(first, second)
    parts = components_of(first, second)
    assert parts.over_both.half_width() < 0.9 * parts.over_images.half_width()  # what is mended
    assert found.over_both == found.over_images
    assert found.over_seeds[1] < found.over_both[1]
    sources = parts.over_images, parts.over_both
    assert found.p_value == max(source.p_value(found.difference) for source in sources)
