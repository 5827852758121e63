from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Generator

from groundup.data import augment
from groundup.data.amounts import Amounts

N, C, H, W = 12, 3, 9, 7


@pytest.fixture(params=[torch.uint8, torch.float32])
def images(request) -> torch.Tensor:
    return torch.arange(N * C * H * W).remainder(251).reshape(N, C, H, W).to(request.param)


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def padded(image: torch.Tensor, margin: int, mode: str) -> np.ndarray:
    return np.pad(image.numpy(), ((0, 0), (margin, margin), (margin, margin)), mode)


def windows(image: np.ndarray, margin: int) -> list[np.ndarray]:
    places = range(2 * margin + 1)
    return [image[:, y : y + H, x : x + W] for y in places for x in places]


def same_as_one(image: torch.Tensor, candidates: list[np.ndarray]) -> int | None:
    return next((i for i, candidate in enumerate(candidates) if np.array_equal(image.numpy(), candidate)), None)


def test_flip_mirrors_whole_images_or_leaves_them(images):
    out = augment.flip(images, generator())
    mirrored = [same_as_one(new, [old.numpy(), old.numpy()[:, :, ::-1]]) for new, old in zip(out, images, strict=True)]
    assert set(mirrored) == {0, 1}
    many = augment.flip(torch.arange(2.0).expand(10_000, 1, 1, 2), generator())
    assert abs(many[:, 0, 0, 0].mean().item() - 0.5) < 0.02  # four standard deviations


def test_alternating_flip_shows_every_image_both_ways_in_two_epochs(images):
    coins = torch.arange(N) % 3 == 0
    for epoch in range(4):
        out = augment.alternating_flip(images, coins, epoch)
        for i in range(N):
            mirrored = bool(coins[i]) == (epoch % 2 == 0)
            assert torch.equal(out[i], images[i].flip(2) if mirrored else images[i])
        assert torch.equal(augment.alternating_flip(images, coins, torch.tensor(epoch)), out)


@pytest.mark.parametrize(("name", "mode"), [("crop", "reflect"), ("shift", "constant")])
@pytest.mark.parametrize("margin", [1, 3])
def test_crop_and_shift_cut_one_window_of_the_padded_image(name, mode, margin, images):
    out = getattr(augment, name)(images, margin, generator())
    assert out.dtype == images.dtype
    assert out.shape == images.shape
    places = [
        same_as_one(new, windows(padded(old, margin, mode), margin)) for new, old in zip(out, images, strict=True)
    ]
    assert None not in places
    assert len(set(places)) > 3
    wrong = "constant" if mode == "reflect" else "reflect"
    others = [
        same_as_one(new, windows(padded(old, margin, wrong), margin)) for new, old in zip(out, images, strict=True)
    ]
    assert None in others  # the check above can fail


def test_every_place_of_a_crop_is_equally_likely():
    images = torch.arange(5.0).reshape(1, 1, 1, 5).expand(9000, 1, 5, 5)
    out = augment.shift(images + 1, 1, generator())
    counts = torch.bincount((out[:, 0, 2, 2] - 2).long(), minlength=3)  # 0, 1, 2: moved right, not at all, left
    assert (counts - 3000).abs().max() < 200


@pytest.mark.parametrize("size", [1, 4, 5])
def test_cutout_fills_one_square_cut_off_at_the_border(size, images):
    fill = torch.tensor([252, 253, 254]).to(images.dtype)[:, None, None]
    out = augment.cutout(images, size, fill, generator())
    for new, old in zip(out, images, strict=True):
        candidates = []
        for y in range(H):
            for x in range(W):
                candidate = old.clone()
                top, left = y - size // 2, x - size // 2
                candidate[:, max(top, 0) : top + size, max(left, 0) : left + size] = fill
                candidates.append(candidate.numpy())
        assert same_as_one(new, candidates) is not None
    assert not torch.equal(out, images)


def test_one_generator_seed_gives_one_result(images):
    for function in (augment.flip, lambda x, g: augment.crop(x, 2, g), lambda x, g: augment.shift(x, 2, g)):
        assert torch.equal(function(images, generator(1)), function(images, generator(1)))
        assert not torch.equal(function(images, generator(1)), function(images, generator(2)))


def test_a_chain_runs_in_the_order_given(images):
    options = dict(amounts=Amounts(crop_padding=2, shift=2, cutout_size=3), fill=images.new_zeros(C, 1, 1))
    coins = torch.zeros(100, dtype=torch.bool)
    coins[50:] = True
    step = augment.chain(["alternating_flip", "shift"], two_sides=coins, **options)
    index = torch.arange(44, 44 + N)
    expected = augment.shift(augment.alternating_flip(images, coins[index], 0), 2, generator(5))
    assert torch.equal(step(images, index, 0, generator(5)), expected)
    assert augment.chain([], two_sides=coins, **options) is None
