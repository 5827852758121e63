"""Augmentation of whole batches: pure functions of images `(N, C, H, W)` of any type, on any device.

What is random comes from the `generator`, which lives on the images' device, or from a `Part` of what it gives. None of
them waits for the device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad


@dataclass(frozen=True)
class Part:
    """A generator for some of the images of a batch: they get the numbers that they would get in the whole of it.

    Args:
        generator: as it would be for the whole batch.
        first: the place of the first of these images in it.
        total: images of the whole batch.
    """

    generator: Generator
    first: int
    total: int


Random = Generator | Part
Step = Callable[[Tensor, Tensor, int | Tensor, Random], Tensor]


def flip(images: Tensor, generator: Random) -> Tensor:
    """Mirrors every image left to right with probability 1/2."""
    return _mirror(images, _coins(len(images), generator))


def alternating_flip(images: Tensor, coins: Tensor, epoch: int | Tensor) -> Tensor:
    """Mirrors the images whose coin is true in even epochs, the others in odd ones.

    Every image is thus seen both ways in any two epochs. Source: Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single
    GPU" (2024), section 3.6.

    Args:
        images: `(N, C, H, W)`.
        coins: `(N,)` of bool, the same for an image in every epoch.
        epoch: counted from 0; a scalar on the images' device where one captured step serves all epochs.
    """
    return _mirror(images, coins ^ (epoch % 2 == 1))


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


def chain(
    names: Sequence[str], *, crop_padding: int, shift_distance: int, cutout_size: int, fill: Tensor, coins: Tensor
) -> Step | None:
    """Chains augmentations by name, in the order given, into one `(images, index, epoch, generator) -> images`.

    Args:
        names: as `check_names` gives them; none at all give None.
        crop_padding: pixels, of `crop`.
        shift_distance: pixels, of `shift`.
        cutout_size: pixels, of `cutout`.
        fill: `(C, 1, 1)` on the images' device, of `cutout`.
        coins: `(number of training images,)` of bool on the images' device, of `alternating_flip`.
    """
    steps: dict[str, Step] = {
        "flip": lambda images, index, epoch, generator: flip(images, generator),
        "alternating_flip": lambda images, index, epoch, generator: alternating_flip(images, coins[index], epoch),
        "crop": lambda images, index, epoch, generator: crop(images, crop_padding, generator),
        "shift": lambda images, index, epoch, generator: shift(images, shift_distance, generator),
        "cutout": lambda images, index, epoch, generator: cutout(images, cutout_size, fill, generator),
    }
    chosen = [steps[name] for name in names]
    return partial(_run, chosen) if chosen else None


def _run(steps: Sequence[Step], images: Tensor, index: Tensor, epoch: int | Tensor, generator: Random) -> Tensor:
    for step in steps:
        images = step(images, index, epoch, generator)
    return images


def _drawn(count: int, generator: Random, draw: Callable[[int, Generator], Tensor]) -> Tensor:
    """What `draw(N, generator)` gives for N images, which are its last axis."""
    if isinstance(generator, Generator):
        return draw(count, generator)
    return draw(generator.total, generator.generator)[..., generator.first : generator.first + count]


def _integers(below: int, count: int, generator: Random, rows: int) -> Tensor:
    """Whole numbers of 0..below-1, `(rows, count)`."""
    return _drawn(
        count,
        generator,
        lambda images, source: torch.randint(below, (rows, images), generator=source, device=source.device),
    )


def _coins(count: int, generator: Random) -> Tensor:
    return (
        _drawn(count, generator, lambda images, source: torch.rand(images, generator=source, device=source.device))
        < 0.5
    )


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
    place = _integers(2 * margin + 1, count, generator, rows=2)
    return views[torch.arange(count, device=padded.device), :, place[0], place[1]]


def _span(images: Tensor, dim: int, size: int, generator: Random) -> Tensor:
    """`(N, length)` of bool: the `size` positions around a random centre."""
    length = images.shape[dim]
    centre = _integers(length, len(images), generator, rows=1).T
    position = torch.arange(length, device=images.device)
    first = centre - size // 2
    return (first <= position) & (position < first + size)
