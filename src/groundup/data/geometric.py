"""Augmentation that moves pixels: whole batches `(N, C, H, W)` of uint8, each image by its own random numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from groundup.data.draws import Random, between, coins, shares

RATIO = (3 / 4, 4 / 3)  # of width to height of a random resized crop, as torchvision's
ERASED_RATIO = (0.3, 3.3)  # of height to width of what is erased, likewise
TRIES = 10  # to find a box that fits


def vflip(images: Tensor, generator: Random) -> Tensor:
    """Turns every image upside down with probability 1/2."""
    return torch.where(coins(len(images), generator)[:, None, None, None], images.flip(2), images)


def rotation(images: Tensor, degrees: float, generator: Random) -> Tensor:
    """Turns every image about its centre, by up to `degrees` either way; what comes in is mirrored at the border."""
    angle = between(-degrees, degrees, shares(len(images), generator, rows=1)[0])
    return warp(images, turned(angle))


def turned(angle: Tensor) -> Tensor:
    """Of angles `(N,)` in degrees, counter-clockwise: matrices for `warp`."""
    radians = angle * (math.pi / 180)
    cos, sin, nothing = radians.cos(), radians.sin(), torch.zeros_like(radians)
    return torch.stack([cos, -sin, nothing, sin, cos, nothing], dim=1).view(-1, 2, 3)


def warp(images: Tensor, matrices: Tensor, fill: Tensor | None = None) -> Tensor:
    """Images of which every pixel is what its own affine map finds in the old one, between four pixels linearly.

    Args:
        images: `(N, C, H, W)` of uint8.
        matrices: `(N, 2, 3)`: from the place (x, y, 1) of a new pixel to that in the old image, in pixels from the
            centre, rightwards and downwards.
        fill: `(C, 1, 1)`, what comes in from outside; None mirrors the image at its border.
    """
    height, width = images.shape[2:]
    x = torch.arange(width, device=images.device) - (width - 1) / 2
    y = torch.arange(height, device=images.device)[:, None] - (height - 1) / 2
    (xx, xy, x0), (yx, yy, y0) = (row.unbind(1) for row in matrices[:, :, :, None, None].unbind(1))
    return _sampled(images, xx * x + xy * y + x0, yx * x + yy * y + y0, fill)


def random_resized_crop(images: Tensor, scale: Sequence[float], generator: Random) -> Tensor:
    """Cuts a window out of every image, of a random area, shape and place, and enlarges it to the size of the image.

    Source: Szegedy et al., "Going Deeper with Convolutions" (2015), section 6; parameters as torchvision's.

    Args:
        images: `(N, C, H, W)` of uint8.
        scale: least and largest area, in parts of the image's.
        generator: of area, shape and place.
    """
    height, width = images.shape[2:]
    boxes, fits = random_boxes(images, scale, RATIO, generator, inclusive=True)
    return resized(images, torch.where(fits[:, None], boxes, _middle(height, width, images.device)))


def resized(images: Tensor, boxes: Tensor) -> Tensor:
    """Boxes `(N, 4)` of images, each enlarged to the size of the image: top, left, height and width in pixels."""
    height, width = images.shape[2:]
    top, left, tall, wide = boxes.to(torch.float32)[:, :, None, None].unbind(1)
    y = (torch.arange(height, device=images.device)[:, None] + 0.5) * (tall / height) - 0.5
    x = (torch.arange(width, device=images.device) + 0.5) * (wide / width) - 0.5
    y = top + y.clamp(min=0).minimum(tall - 1)  # beyond the border of a box is its border, as in an image of its own
    x = left + x.clamp(min=0).minimum(wide - 1)
    x, y = torch.broadcast_tensors(x - (width - 1) / 2, y - (height - 1) / 2)
    return _sampled(images, x, y, None)


def erasing(images: Tensor, probability: float, area: Sequence[float], fill: Tensor, generator: Random) -> Tensor:
    """Fills a random rectangle of some of the images.

    Source: Zhong et al., "Random Erasing Data Augmentation" (2017); parameters as torchvision's.

    Args:
        images: `(N, C, H, W)` of any type.
        probability: with which an image loses a rectangle.
        area: least and largest area of it, in parts of the image's.
        fill: `(C, 1, 1)`, of the images' type.
        generator: of which, where and how large.
    """
    chosen = shares(len(images), generator, rows=1)[0] < probability
    boxes, fits = random_boxes(images, area, (1 / ERASED_RATIO[1], 1 / ERASED_RATIO[0]), generator, inclusive=False)
    return torch.where(inside(images, boxes) & (chosen & fits)[:, None, None, None], fill, images)


def inside(images: Tensor, boxes: Tensor) -> Tensor:
    """`(N, 1, H, W)` of bool: the pixels in boxes `(N, 4)` of top, left, height and width."""
    top, left, tall, wide = boxes[:, :, None].unbind(1)
    y, x = (torch.arange(size, device=images.device) for size in images.shape[2:])
    rows, columns = (top <= y) & (y < top + tall), (left <= x) & (x < left + wide)
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def random_boxes(
    images: Tensor, area: Sequence[float], ratio: Sequence[float], generator: Random, inclusive: bool
) -> tuple[Tensor, Tensor]:
    """Boxes of random area, shape and place in every image, the first of some tries that fits.

    Args:
        images: `(N, C, H, W)`.
        area: least and largest, in parts of the image's.
        ratio: of width to height, least and largest; its logarithm is drawn.
        generator: of all of it.
        inclusive: whether a box may be as high or wide as the image.

    Returns:
        Boxes `(N, 4)` of int64: top, left, height and width; and `(N,)` of bool, whether one was found.
    """
    height, width = images.shape[2:]
    numbers = shares(len(images), generator, rows=2 * TRIES + 2)
    pixels = between(area[0], area[1], numbers[:TRIES]) * (height * width)
    shape = between(math.log(ratio[0]), math.log(ratio[1]), numbers[TRIES : 2 * TRIES]).exp()
    wide, tall = (pixels * shape).sqrt().round().long(), (pixels / shape).sqrt().round().long()
    spare = 0 if inclusive else 1
    fits = (wide > 0) & (tall > 0) & (wide <= width - spare) & (tall <= height - spare)
    first = fits.to(torch.uint8).argmax(dim=0, keepdim=True)
    tall, wide = (sizes.gather(0, first)[0] for sizes in (tall, wide))
    room = [(size + 1 - own).clamp(min=1) for size, own in ((height, tall), (width, wide))]
    top, left = ((part * places).long().minimum(places - 1) for part, places in zip(numbers[-2:], room, strict=True))
    return torch.stack([top, left, tall, wide], dim=1), fits.any(dim=0)


def _middle(height: int, width: int, device: torch.device) -> Tensor:
    """The largest box of an allowed shape in the middle of an image."""
    tall, wide = min(height, round(width / RATIO[0])), min(width, round(height * RATIO[1]))
    numbers = ((height - tall) // 2, (width - wide) // 2, tall, wide)
    return torch.stack([torch.full((), number, device=device) for number in numbers])  # a copy would wait


def _sampled(images: Tensor, x: Tensor, y: Tensor, fill: Tensor | None) -> Tensor:
    """Images at places `(N, H, W)`, in pixels from the centre; None for the fill mirrors them at the border."""
    height, width = images.shape[2:]
    grid = torch.stack([x * (2 / width), y * (2 / height)], dim=-1)
    pixels = images.to(torch.float32)
    if fill is None:
        found = grid_sample(pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    else:
        found = grid_sample(pixels - fill, grid, mode="bilinear", padding_mode="zeros", align_corners=False) + fill
    return found.round_().clamp_(0, 255).to(images.dtype)
