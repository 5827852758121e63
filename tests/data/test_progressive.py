"""Images that grow during training."""

from __future__ import annotations

import pytest
import torch

from groundup.data.progressive import resize, size_at

SIZES = [(0, 20), (0.15, 24), (0.5, 32)]


@pytest.mark.parametrize(("step", "pixels"), [(0, 20), (14, 20), (15, 24), (49, 24), (50, 32), (99, 32)])
def test_a_size_holds_from_its_share_of_the_steps_on(step, pixels):
    assert size_at(SIZES, step, total_steps=100) == pixels


def test_halving_takes_means_of_what_is_covered():
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    half = resize(ramp, 4)
    assert half.shape == (1, 1, 4, 4)
    torch.testing.assert_close(half[0, 0, 0, 1:3], torch.tensor([2.5, 4.5]))  # triangles four pixels wide
    spike = torch.zeros(1, 1, 8, 8)
    spike[..., 3, 3] = 1
    assert resize(spike, 4).sum() == pytest.approx(1 / 4)  # no pixel is skipped, as without antialiasing


def test_the_mean_stays_and_so_does_the_size_asked_for():
    images = torch.rand(3, 3, 32, 32).to(memory_format=torch.channels_last)
    assert resize(images, 32) is images
    small = resize(torch.full((1, 3, 32, 32), 0.7), 20)
    torch.testing.assert_close(small, torch.full((1, 3, 20, 20), 0.7))
