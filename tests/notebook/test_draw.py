"""Figures show the numbers they were given."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
import matplotlib.pyplot as plt

from groundup.notebook import draw


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    figure.canvas.draw()  # so that nothing fails only when it is shown
    plt.close("all")


def test_a_confusion_matrix_has_a_count_in_each_cell_and_colours_by_row(axes):
    draw.confusion(axes, [[8, 2], [0, 0]], ["cat", "dog"])
    assert [text.get_text() for text in axes.texts] == ["8", "2", "", ""]
    np.testing.assert_array_equal(axes.images[0].get_array(), [[0.8, 0.2], [0, 0]])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert axes.get_ylabel() == "true class"


def test_a_grid_shows_mean_and_deviation_in_percent_and_gaps_blank(axes):
    draw.grid(axes, [[0.5, np.nan]], [[0.012, np.nan]], ["a"], ["b", "c"])
    assert [text.get_text() for text in axes.texts] == ["50.0\n± 1.2", ""]


def test_a_grid_of_equal_means_can_be_drawn(axes):
    draw.grid(axes, [[0.5, 0.5]], [[np.nan, np.nan]], ["a"], ["b", "c"])
    assert [text.get_text() for text in axes.texts] == ["50.0", "50.0"]


def test_a_band_is_one_sample_deviation_to_both_sides_of_the_mean(axes):
    draw.band(axes, [1, 2], [[1, 4], [3, 4]], label="two seeds")
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [2, 4])
    corners = axes.collections[0].get_paths()[0].vertices
    np.testing.assert_allclose(corners[corners[:, 0] == 1][:, 1].max(), 2 + np.sqrt(2))
    draw.band(axes, [1, 2], [[1, 4]], label="one seed")


def test_images_have_one_scale_and_their_titles():
    pixels = np.stack([np.full((2, 2), value) for value in (-3.0, 1.0, 2.0)])
    figure = draw.images(pixels, ["a", "b", "c"], columns=2, signed=True)
    drawn = [cell for cell in figure.axes if cell.images]
    assert [cell.get_title() for cell in drawn] == ["a", "b", "c"]
    assert {cell.images[0].get_clim() for cell in drawn} == {(-3, 3)}
    plt.close(figure)


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", ">i2", "u8", "f2"])
def test_numbers_of_every_type_are_drawn_as_they_are(axes, dtype):
    matrix = np.array([[1, 0], [1, 1]]).astype(dtype)
    draw.confusion(axes, matrix, ["cat", "dog"])
    assert [text.get_text() for text in axes.texts] == ["1", "", "1", "1"]
    np.testing.assert_array_equal(axes.images[0].get_array(), [[1, 0], [0.5, 0.5]])


def test_small_integers_do_not_overflow(axes):
    draw.confusion(axes, np.array([[200, 100], [0, 250]], np.uint8), ["cat", "dog"])
    np.testing.assert_allclose(axes.images[0].get_array(), [[2 / 3, 1 / 3], [0, 1]])
    figure = draw.images(np.array([[[-128, 5]]], np.int8), signed=True)
    assert figure.axes[0].images[0].get_clim() == (-128, 128)


def test_what_is_masked_is_blank(axes):
    draw.grid(axes, np.ma.array([[0.5, 0.7]], mask=[[0, 1]]), [[0.1, 0.1]], ["a"], ["b", "c"])
    assert [text.get_text() for text in axes.texts] == ["50.0\n± 10.0", ""]
