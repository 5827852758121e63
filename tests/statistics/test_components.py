"""What two configurations differ by, taken apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from groundup.statistics.components import components_of


def test_a_small_table_by_hand():
    # differences [[1, 0, 0], [1, 1, 0]]: mean 1/2; seeds 1/3, 2/3; images 1, 1/2, 0
    first, second = np.array([[1, 1, 0], [1, 1, 1]]), np.array([[0, 1, 0], [0, 0, 1]])
    found = components_of(first, second)
    assert found.difference == pytest.approx(1 / 2)
    assert found.seeds == pytest.approx(2 * (1 / 6) ** 2 / 1 / 2)
    assert found.images == pytest.approx((2 * (1 / 2) ** 2 + 1) / 2 / 3)  # the 1 is of two images that disagree
    # of all squares, 3 - 6/4 = 3/2, images have 2 * 1/2 and seeds 3 * 2/36: 1/3 is left, of 1 * 2 degrees, of 6 cells
    assert found.image == pytest.approx(found.images - 1 / 3 / 2 / 6)


def test_the_interval_over_seeds_is_scipys_paired_one():
    rng = np.random.default_rng(0)
    first, second = rng.random((4, 500)) < 0.9, rng.random((4, 500)) < 0.8
    found = components_of(first, second)
    theirs = stats.ttest_rel(first.mean(axis=1), second.mean(axis=1)).confidence_interval()
    assert found.over_seeds.interval(found.difference) == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("share", [0.5, 0.64, 0.9])
def test_over_images_one_seed_is_as_sure_as_mcnemars_exact_test_says(share):
    only_first = round(share * 100)  # of 100 images that one of the two has right
    first, second = np.zeros((1, 1000), bool), np.zeros((1, 1000), bool)
    first[:, :only_first], second[:, only_first:100] = True, True
    found = components_of(first, second)
    exact = stats.binomtest(only_first, 100, 0.5).pvalue
    assert found.over_images.p_value(found.difference) == pytest.approx(exact, abs=0.06)
    assert found.over_seeds is None
    assert found.over_both is None


def test_the_variances_are_those_that_the_table_was_drawn_with():
    rng = np.random.default_rng(0)
    seeds, images, of_seed, of_image, of_cell = 8, 400, 0.02, 0.3, 0.2
    found = []
    for _ in range(200):
        table = of_seed * rng.normal(size=(seeds, 1)) + of_image * rng.normal(size=(1, images))
        table = table + of_cell * rng.normal(size=(seeds, images))
        found.append(components_of(table, np.zeros_like(table)))
    assert np.mean([each.image for each in found]) == pytest.approx(of_image**2 / images, rel=0.05)
    expected = of_seed**2 / seeds + of_cell**2 / seeds / images
    assert np.mean([each.seeds for each in found]) == pytest.approx(expected, rel=0.1)


def test_two_that_always_agree_are_not_told_apart_for_certain():
    right = np.ones((3, 100), bool)
    found = components_of(right, right)
    low, high = found.over_both.interval(found.difference)
    assert low < -0.01
    assert high > 0.01


@pytest.mark.parametrize(
    "shapes", [((2, 5), (3, 5)), ((2, 5), (2, 4)), ((0, 5), (0, 5)), ((2, 1), (2, 1)), ((5,), (5,))]
)
def test_tables_that_do_not_go_together_are_refused(shapes):
    with pytest.raises(ValueError, match=r"must both be \(seeds, images\)"):
        components_of(*(np.zeros(shape) for shape in shapes))
