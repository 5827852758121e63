"""Augmentation of whole batches: pure functions of images `(N, C, H, W)`, on any device, and chains of them.

What is random comes from the `generator`, which lives on the images' device, or from a `Part` of what it gives. None of
them waits for the device. Those of this file take images of any type and move whole pixels alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import pad

from groundup.data.amounts import Amounts, pixels
from groundup.data.augment_names import MIXING
from groundup.data.colour import color_jitter
from groundup.data.draws import Random, coins, integers
from groundup.data.geometric import erasing, random_resized_crop, rotation, vflip
from groundup.data.policies import randaugment, trivialaugment

Step = Callable[[Tensor, Tensor, int | Tensor, Random], Tensor]


def flip(images: Tensor, generator: Random) -> Tensor:
    """Mirrors every image left to right with probability 1/2."""
    return _mirror(images, coins(len(images), generator))


def alternating_flip(images: Tensor, which: Tensor, epoch: int | Tensor) -> Tensor:
    """Mirrors the images whose coin is true in even epochs, the others in odd ones.

    Every image is thus seen both ways in any two epochs. Source: Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single
    GPU" (2024), section 3.6.

    Args:
        images: `(N, C, H, W)`.
        which: `(N,)` of bool, the coins, the same for an image in every epoch.
        epoch: counted from 0; a scalar on the images' device where one captured step serves all epochs.
    """
    return _mirror(images, which ^ (epoch % 2 == 1))


def crop(images: Tensor, padding: int, generator: Random) -> Tensor:
    """Pads by reflection and cuts a window of the old size at a random place, one of `(2 * padding + 1)**2`.

    `padding`, in pixels, must be less than height and width.
    """
    for dim in (2, 3):
        images = images.index_select(dim, _reflected(images.shape[dim], padding, images.device))
    return _window(images, padding, generator)


def shift(images: Tensor, distance: int, generator: Random) -> Tensor:
    """Moves every image by up to `distance` pixels along both axes; what comes in is zero."""
    return _window(pad(images, [distance] * 4), distance, generator)


def cutout(images: Tensor, size: int, fill: Tensor, generator: Random) -> Tensor:
    """Fills a square of `size` pixels a side, its centre anywhere in the image, the rest of it cut off at the border.

    Source: DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout" (2017).

    Args:
        images: `(N, C, H, W)`.
        size: in pixels.
        fill: `(C, 1, 1)`, of the images' type: the mean, so that it is 0 after normalisation.
        generator: where the centres come from.
    """
    inside = [_span(images, dim, size, generator) for dim in (2, 3)]
    mask = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return torch.where(mask, fill, images)


def chain(names: Sequence[str], amounts: Amounts, *, fill: Tensor, two_sides: Tensor) -> Step | None:
    """Chains augmentations by name, in the order given, into one `(images, index, epoch, generator) -> images`.

    Args:
        names: as `check_names` gives them; none at all give None. Those that mix images are left out: see `mixing`.
        amounts: how much each of them changes.
        fill: `(C, 1, 1)` of uint8 on the images' device: what is put where nothing of an image is.
        two_sides: `(number of training images,)` of bool on the images' device, the coins of `alternating_flip`.
    """
    a = amounts
    drawing: dict[str, Callable[[Tensor, Random], Tensor]] = {
        "flip": flip,
        "vflip": vflip,
        "crop": lambda images, g: crop(images, pixels(a.crop_padding, images.shape[2:]), g),
        "shift": lambda images, g: shift(images, pixels(a.shift, images.shape[2:]), g),
        "cutout": lambda images, g: cutout(images, pixels(a.cutout_size, images.shape[2:]), fill, g),
        "random_resized_crop": lambda images, g: random_resized_crop(images, a.crop_scale, g),
        "rotation": lambda images, g: rotation(images, a.rotation, g),
        "color_jitter": lambda images, g: color_jitter(images, a.color_jitter, g),
        "randaugment": lambda images, g: randaugment(images, a.randaugment[0], a.randaugment[1], fill, g),
        "trivialaugment": lambda images, g: trivialaugment(images, fill, g),
        "erasing": lambda images, g: erasing(images, a.erasing_probability, a.erasing_area, fill, g),
    }
    steps: dict[str, Step] = {name: partial(_drawn_only, change) for name, change in drawing.items()}
    steps["alternating_flip"] = lambda images, index, epoch, g: alternating_flip(images, two_sides[index], epoch)
    chosen = [steps[name] for name in names if name not in MIXING]
    return partial(_run, chosen) if chosen else None


def _drawn_only(
    change: Callable[[Tensor, Random], Tensor],
    images: Tensor,
    index: Tensor,
    epoch: int | Tensor,
    generator: Random,
) -> Tensor:
    """A step that needs neither which images they are nor the epoch."""
    return change(images, generator)


def _run(steps: Sequence[Step], images: Tensor, index: Tensor, epoch: int | Tensor, generator: Random) -> Tensor:
    for step in steps:
        images = step(images, index, epoch, generator)
    return images


def _mirror(images: Tensor, which: Tensor) -> Tensor:
    return torch.where(which[:, None, None, None], images.flip(3), images)


def _reflected(size: int, padding: int, device: torch.device) -> Tensor:
    """Positions -padding..size+padding-1, those outside mirrored at the border pixel (which is not repeated)."""
    position = torch.arange(-padding, size + padding, device=device).abs()
    return (size - 1) - ((size - 1) - position).abs()


def _window(padded: Tensor, margin: int, generator: Random) -> Tensor:
    """Cuts from every image, `margin` larger on all four sides, a window of the old size at a random place."""
    count, _, height, width = padded.shape
    views = padded.unfold(2, height - 2 * margin, 1).unfold(3, width - 2 * margin, 1)  # (N, C, 2m + 1, 2m + 1, H, W)
    place = integers(2 * margin + 1, count, generator, rows=2)
    return views[torch.arange(count, device=padded.device), :, place[0], place[1]]


def _span(images: Tensor, dim: int, size: int, generator: Random) -> Tensor:
    """`(N, length)` of bool: the `size` positions around a random centre."""
    length = images.shape[dim]
    centre = integers(length, len(images), generator, rows=1).T
    position = torch.arange(length, device=images.device)
    first = centre - size // 2
    return (first <= position) & (position < first + size)
