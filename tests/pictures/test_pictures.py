"""Pictures: colours and places that can be told in words; how they look was looked at."""

from __future__ import annotations

import numpy as np
import pytest

from groundup.pictures.bars import draw_bars
from groundup.pictures.confusion import draw_confusion
from groundup.pictures.ink import AMBER, BLUE, GREEN, RED, shortened, upright, width, wrapped
from groundup.pictures.reliability import draw_reliability
from groundup.pictures.tiles import as_tiles, bright_tiles, draw_tiles, signed_tiles

NAMES = tuple(["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"])


def pixels(image):
    return np.asarray(image).astype(int)


def near(image, colour, tolerance=8):
    """How many pixels have a colour."""
    return int((np.abs(pixels(image) - colour).max(axis=2) <= tolerance).sum())


def test_what_is_right_is_blue_and_what_is_wrong_is_red():
    right = draw_confusion(np.diag([50] * 10), NAMES, "title")
    wrong = draw_confusion(np.roll(np.diag([50] * 10), 1, axis=1), NAMES, "title")
    assert near(right, BLUE) > 2_000 > 10 * near(right, RED)
    assert near(wrong, RED) > 2_000 > 10 * near(wrong, BLUE)


def test_rows_are_true_classes():
    counts = np.zeros((10, 10), dtype=int)
    counts[2, 7] = 5
    image = pixels(draw_confusion(counts, NAMES, "title"))
    row, column = map(np.unique, np.nonzero(np.abs(image - RED).max(axis=2) <= 8))
    assert (image.shape[0] - 4 - row.mean()) / len(row) > 6  # more than six rows of cells below it
    assert (image.shape[1] - 6 - column.mean()) / len(column) < 4  # less than four columns at its right


def test_rare_mistakes_are_seen():
    counts = np.diag([1000] * 10)
    counts[0, 1] = 10
    clean = draw_confusion(np.diag([1000] * 10), NAMES, "title")
    tinted = pixels(draw_confusion(counts, NAMES, "title")) != pixels(clean)
    assert tinted.any(axis=2).sum() > 250  # the whole cell


@pytest.mark.parametrize(("classes", "across", "down"), [(2, 27, 14), (10, 27, 14), (40, 28, 28), (100, 22, 22)])
def test_cells_leave_room_for_their_numbers(classes, across, down):
    counts = np.diag([100] * classes)
    image = draw_confusion(counts, [f"class {i}" for i in range(classes)], "title")
    blue = np.abs(pixels(image) - BLUE).max(axis=2) <= 2
    assert classes * down < image.height < 2700
    assert classes * across < image.width < 2700
    assert blue.any(axis=0).sum() >= classes * (across - 2)  # a diagonal as wide as the matrix
    assert blue.any(axis=1).sum() >= classes * (down - 2)


CARD = (350, 235)  # pixels that TensorBoard's TIME SERIES gives a picture without making its letters unreadable


def test_pictures_of_ten_classes_are_as_large_as_a_card():
    counts = np.diag([1000] * 10)
    title = "test, the chosen checkpoint: images"
    for image in (
        draw_confusion(counts, NAMES, title),
        draw_confusion(counts, NAMES, title, shares=True),
        draw_bars(counts.diagonal(), counts.sum(axis=1), NAMES, title),
        draw_reliability(np.ones(15, int), np.ones(15), np.ones(15, int), 0.25, "val, after epoch 100"),
    ):
        assert image.width <= CARD[0]
        assert image.height <= CARD[1]


def test_names_counts_and_shares_are_written():
    counts = np.diag([50] * 100)
    names = [f"sweet_pepper_{i}" for i in range(100)]
    plain = pixels(draw_confusion(counts, names, "title"))
    for other in (
        draw_confusion(counts, [*names[:57], "x", *names[58:]], "title"),
        draw_confusion(counts, names, "title", shares=True),
        draw_confusion(counts + np.diag([1] * 100), names, "title"),
    ):
        assert (pixels(other) != plain).any()


@pytest.mark.parametrize("letter", ["ü", "é", "ß", "Ж", "λ"])
def test_letters_of_other_languages_are_drawn(letter):
    """What a font lacks is drawn as one and the same box."""
    drawn, box = (pixels(upright(text, 20)) for text in (letter, "\U0010fffd"))
    assert drawn.shape != box.shape or (drawn != box).any()


def test_a_thousand_classes_are_still_a_picture():
    image = draw_confusion(np.diag([3] * 1000), [str(i) for i in range(1000)], "title")
    assert max(image.size) < 2500
    bars = draw_bars(np.arange(1000), np.full(1000, 1000), [str(i) for i in range(1000)], "title")
    assert max(bars.size) < 5000


def test_a_row_without_images_is_empty():
    counts = np.zeros((3, 3), dtype=int)
    assert near(draw_confusion(counts, NAMES[:3], "title"), BLUE) == 0


def test_bars_are_as_long_as_the_class_is_accurate_and_amber_below_the_mean():
    image = draw_bars(np.array([10, 5]), np.array([10, 10]), ("good", "bad"), "title")
    assert near(image, AMBER) == pytest.approx(near(image, BLUE) / 2, rel=0.15)
    none = draw_bars(np.array([0, 5]), np.array([0, 10]), ("absent", "half"), "title")
    assert near(none, AMBER) == 0  # no images are no failure


def test_tiles_are_enlarged_by_whole_factors_and_stand_in_rows():
    tiles = as_tiles(np.arange(6)[:, None, None, None] * 40 * np.ones((6, 1, 8, 8), dtype=int))
    image = draw_tiles(tiles, "title", columns=3, side=20)
    assert near(image, (40, 40, 40), 0) >= 24 * 24
    small = draw_tiles(tiles[:2], "t", columns=3, side=4)
    assert small.size[1] < image.size[1]


def test_captions_keep_to_their_tile():
    tiles = as_tiles(np.zeros((4, 1, 8, 8), dtype=int))
    captions = [(("an uncommonly long name of a class", RED), ("short", GREEN))] * 4
    image = draw_tiles(tiles, "title", columns=4, side=64, captions=captions)
    assert near(image, RED) > 20
    assert near(image, GREEN) > 20
    assert width(shortened("an uncommonly long name of a class", 11, 64), 11) <= 64


def test_letters_can_be_read_where_tensorboard_shows_a_picture():
    tiles = as_tiles(np.zeros((10, 3, 32, 32), dtype=int))
    title = "test, the chosen checkpoint: the surest mistakes; said in red, true in green"
    captions = [(("99% cat", RED), ("dog", GREEN))] * 10
    drawn, bare = (draw_tiles(tiles, title, columns=5, side=56, captions=found) for found in (captions, ()))
    scale = min(CARD[0] / drawn.width, CARD[1] / drawn.height)
    line = (drawn.height - bare.height) / 2 / 2
    assert scale * line >= 12  # pixels


def test_a_caption_may_reach_below_tiles_that_have_none():
    tiles = as_tiles(np.full((4, 1, 8, 8), 255))
    long = [(("an uncommonly long name of a class", RED),), (), (), ()]
    alone = draw_tiles(tiles, "title", columns=4, side=64, captions=long)
    beside = draw_tiles(tiles, "title", columns=4, side=64, captions=[long[0]] * 4)
    xs = [np.nonzero(np.abs(pixels(image) - RED).max(axis=2) <= 8)[1] for image in (alone, beside)]
    assert xs[0].max() > 130  # the whole name
    assert not set(range(66, 76)) & set(xs[1])  # between the first two tiles


def test_a_title_is_broken_rather_than_that_it_widens_a_picture():
    tiles = as_tiles(np.zeros((4, 1, 8, 8), dtype=int))
    image = draw_tiles(tiles, "a title of many words " * 5, columns=4, side=64)
    assert image.width < 330
    assert wrapped("some words of a title", 15, 100) == ["some words", "of a title"]
    assert wrapped("", 15, 80) == [""]


def test_weights_are_blue_where_positive_and_red_where_negative():
    tiles = signed_tiles(np.array([[[[1.0, -1.0], [0.0, 0.5]]]]))
    assert tiles[0, 0, 0].tolist() == list(BLUE)
    assert tiles[0, 0, 1].tolist() == list(RED)
    assert tiles[0, 1, 0].tolist() == [255, 255, 255]
    assert (signed_tiles(np.zeros((2, 3, 4, 4))) == 128).all()  # no division by zero
    assert (signed_tiles(np.zeros((2, 1, 4, 4))) == 255).all()


def test_feature_maps_go_from_black_to_white_each_by_itself():
    tiles = bright_tiles(np.array([[[0.0, 2.0]], [[5.0, 5.0]]]))
    assert tiles[0, 0, :, 0].tolist() == [0, 255]
    assert tiles[1].max() == 0


@pytest.mark.parametrize("wrong", [-1, 256, 300.0])
def test_tiles_of_numbers_that_are_no_pixels_are_refused(wrong):
    with pytest.raises(ValueError, match=rf"as_tiles: expected numbers of 0 to 255, given .*{wrong}"):
        as_tiles(np.array([[[[wrong, 3]]]]))


def test_counts_of_small_integers_make_the_same_picture():
    counts = np.array([[200, 100], [0, 250]])
    for kind in (np.uint8, np.int16, np.uint64, ">i4"):
        same = draw_confusion(counts.astype(kind), NAMES[:2], "title")
        np.testing.assert_array_equal(pixels(same), pixels(draw_confusion(counts, NAMES[:2], "title")))
        bars = [draw_bars(c.diagonal(), c.sum(axis=1), NAMES[:2], "title") for c in (counts, counts.astype(kind))]
        np.testing.assert_array_equal(*map(pixels, bars))


def test_bars_are_as_high_as_their_bin_is_right_and_what_is_claimed_beyond_is_amber():
    images = np.array([0, 100, 100])
    fair = draw_reliability(images, np.array([0, 50.0, 90]), np.array([0, 50, 90]), 0.25, "title")
    vain = draw_reliability(images, np.array([0, 50.0, 90]), np.array([0, 25, 45]), 0.25, "title")
    assert near(fair, BLUE) > 1.8 * near(vain, BLUE) > 5_000
    assert near(vain, AMBER) > 1.5 * near(fair, AMBER)
    nothing = draw_reliability(np.zeros(15, int), np.zeros(15), np.zeros(15, int), 0.25, "title")
    assert near(nothing, BLUE) == 0
