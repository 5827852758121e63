"""Random numbers of the images of a batch: every image has its own, wherever it is looked at.

They come from a generator, which lives on the images' device, or from a `Part` of what it gives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor


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


def drawn(count: int, generator: Random, draw: Callable[[int, Generator], Tensor]) -> Tensor:
    """What `draw(N, generator)` gives for N images, which are its last axis."""
    if isinstance(generator, Generator):
        return draw(count, generator)
    return draw(generator.total, generator.generator)[..., generator.first : generator.first + count]


def integers(below: int, count: int, generator: Random, rows: int) -> Tensor:
    """Whole numbers of 0..below-1, `(rows, count)`."""
    return drawn(
        count,
        generator,
        lambda images, source: torch.randint(below, (rows, images), generator=source, device=source.device),
    )


def shares(count: int, generator: Random, rows: int) -> Tensor:
    """Numbers of 0..1, 1 left out, `(rows, count)` of float32."""
    return drawn(
        count, generator, lambda images, source: torch.rand(rows, images, generator=source, device=source.device)
    )


def coins(count: int, generator: Random) -> Tensor:
    """`(count,)` of bool, either with probability 1/2."""
    return (
        drawn(count, generator, lambda images, source: torch.rand(images, generator=source, device=source.device)) < 0.5
    )


def between(low: float, high: float, part: Tensor) -> Tensor:
    """Numbers of low..high from numbers of 0..1."""
    return low + (high - low) * part


def where(which: Tensor, change: Callable[..., Tensor], images: Tensor, *amounts: Tensor) -> Tensor:
    """Changes some of the images: `change(images, *amounts)`, each with its own amount.

    On a CPU those alone are computed. Elsewhere all are, because which they are is known to the device alone, and the
    host would have to wait for it.

    Args:
        which: `(N,)` of bool.
        change: of `(N, C, H, W)` and amounts `(N,)`, image by image.
        images: `(N, C, H, W)`.
        amounts: `(N,)` each.
    """
    if images.device.type != "cpu":
        return torch.where(which[:, None, None, None], change(images, *amounts), images)
    rows = which.nonzero()[:, 0]
    if not len(rows):
        return images
    return images.index_copy(0, rows, change(images[rows], *[amount[rows] for amount in amounts]))
