"""Views of a test image, and what is made of them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from groundup.learning import tta


def pixel_sum(row: int, column: int):
    """A net whose one score is a single pixel."""
    return lambda images: images[:, 0, row, column][:, None]


IMAGES = torch.arange(32.0).view(2, 1, 4, 4)


def test_mirror_is_the_mean_of_an_image_and_its_mirror_image():
    expected = (IMAGES[:, 0, 1, 0] + IMAGES[:, 0, 1, 3]) / 2
    assert torch.equal(tta.mirror(pixel_sum(1, 0), IMAGES)[:, 0], expected)


def test_shift_weighs_the_image_as_much_as_both_moved_ones():
    here, right_below, left_above = IMAGES[:, 0, 1, 2], IMAGES[:, 0, 2, 3], IMAGES[:, 0, 0, 1]
    assert torch.equal(tta.shift(pixel_sum(1, 2), IMAGES)[:, 0], here / 2 + right_below / 4 + left_above / 4)


def test_what_comes_in_at_the_border_is_reflected():
    corner = tta.shift(pixel_sum(0, 0), IMAGES)[:, 0]
    inside = IMAGES[:, 0, 1, 1]  # moved up and left it comes to the corner, and is its reflection too
    assert torch.equal(corner, IMAGES[:, 0, 0, 0] / 2 + inside / 4 + inside / 4)


def test_mirror_shift_mirrors_every_view():
    expected = tta.shift(lambda views: tta.mirror(pixel_sum(1, 0), views), IMAGES)
    assert torch.equal(tta.mirror_shift(pixel_sum(1, 0), IMAGES), expected)
    assert not torch.equal(expected, tta.shift(pixel_sum(1, 0), IMAGES))


@pytest.mark.parametrize(("name", "passes"), [("mirror", 2), ("shift", 3), ("mirror_shift", 6)])
def test_views_cost_as_many_passes_as_said(name, passes):
    seen: list[Tensor] = []

    def net(images: Tensor) -> Tensor:
        seen.append(images)
        return images.flatten(1)

    constant = torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last)
    assert torch.equal(tta.VIEWS[name](net, constant), constant.flatten(1))  # weights add up to 1
    assert len(seen) == passes
    assert all(images.is_contiguous(memory_format=torch.channels_last) for images in seen)
