"""RandAugment and TrivialAugment on whole batches: every image gets its own operations, signs and strengths.

The operations are those of torchvision's classes of these names, but places between pixels are interpolated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from groundup.data.colour import (
    autocontrast,
    brightness,
    contrast,
    equalize,
    posterize,
    saturation,
    sharpness,
    solarize,
)
from groundup.data.draws import Random, integers, where
from groundup.data.geometric import turned, warp

STRENGTHS = 30  # strengths are whole numbers of 0..30


@dataclass(frozen=True)
class Strongest:
    """What each operation does at strength 30.

    Attributes:
        shear: pixels sideways by pixel.
        move: in parts of the image.
        turn: degrees.
        colour: by how much a factor differs from 1.
        bits: that posterize takes away.
    """

    shear: float
    move: float
    turn: float
    colour: float
    bits: int


RAND = Strongest(shear=0.3, move=150 / 331, turn=30, colour=0.9, bits=4)
# Published are 32 pixels for images of any size; here it is the part of the image that they are of 224.
TRIVIAL = Strongest(shear=0.99, move=32 / 224, turn=135, colour=0.99, bits=6)

OPERATIONS = (
    *("identity", "shear_x", "shear_y", "move_x", "move_y", "turn", "brightness", "saturation", "contrast"),
    *("sharpness", "posterize", "solarize", "autocontrast", "equalize"),
)


def randaugment(images: Tensor, operations: float, strength: float, fill: Tensor, generator: Random) -> Tensor:
    """Applies some random operations after one another, all of one strength.

    Source: Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search space" (2019).

    Args:
        images: `(N, C, H, W)` of uint8.
        operations: how many each image gets; the same may come twice.
        strength: 0..30.
        fill: `(C, 1, 1)`, of what comes in from outside.
        generator: of operations and signs.
    """
    drawn = integers(2 * len(OPERATIONS), len(images), generator, rows=int(operations))
    amount = torch.full((len(images),), strength / STRENGTHS, device=images.device)
    for row in drawn:
        images = apply(images, row // 2, amount * (1 - 2 * (row % 2)), RAND, fill)
    return images


def trivialaugment(images: Tensor, fill: Tensor, generator: Random) -> Tensor:
    """Applies one random operation of a random strength.

    Source: Müller and Hutter, "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation" (2021), the wide
    space.

    Args:
        images: `(N, C, H, W)` of uint8.
        fill: `(C, 1, 1)`, of what comes in from outside.
        generator: of operations, signs and strengths.
    """
    choice = integers(2 * len(OPERATIONS), len(images), generator, rows=1)[0]
    amount = integers(STRENGTHS + 1, len(images), generator, rows=1)[0] / STRENGTHS
    return apply(images, choice // 2, amount * (1 - 2 * (choice % 2)), TRIVIAL, fill)


def apply(images: Tensor, operation: Tensor, amount: Tensor, strongest: Strongest, fill: Tensor) -> Tensor:
    """Applies to every image its own operation.

    Args:
        images: `(N, C, H, W)` of uint8.
        operation: `(N,)`, numbers in `OPERATIONS`.
        amount: `(N,)` of -1..1, in parts of the strongest; operations that have no sign leave it out.
        strongest: what an amount of 1 is.
        fill: `(C, 1, 1)`, of what comes in from outside.
    """
    size, colour = amount.abs(), 1 + strongest.colour * amount
    moves = (operation > 0) & (operation <= OPERATIONS.index("turn"))
    matrices = _matrices(images, operation, amount, strongest)
    images = where(moves, lambda some, own: warp(some, own, fill), images, matrices)
    changes: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
        "brightness": (brightness, (colour,)),
        "saturation": (saturation, (colour,)),
        "contrast": (contrast, (colour,)),
        "sharpness": (sharpness, (colour,)),
        "posterize": (posterize, (8 - (strongest.bits * size).round().long(),)),
        "solarize": (solarize, (255 * (1 - size),)),
        "autocontrast": (autocontrast, ()),
        "equalize": (equalize, ()),
    }
    for name, (change, amounts) in changes.items():
        images = where(operation == OPERATIONS.index(name), change, images, *amounts)
    return images


def _matrices(images: Tensor, operation: Tensor, amount: Tensor, strongest: Strongest) -> Tensor:
    """`(N, 2, 3)`, see `warp`; shears leave the upper left corner where it is, as published."""
    height, width = images.shape[2:]

    def of(name: str, most: float) -> Tensor:
        return torch.where(operation == OPERATIONS.index(name), most * amount, 0.0)

    shear_x, shear_y = of("shear_x", strongest.shear), of("shear_y", strongest.shear)
    move_x, move_y = of("move_x", strongest.move * width).trunc(), of("move_y", strongest.move * height).trunc()
    nothing = torch.zeros_like(shear_x)
    to_right = torch.stack([nothing, shear_x, shear_x * height / 2 - move_x], dim=1)
    downwards = torch.stack([shear_y, nothing, shear_y * width / 2 - move_y], dim=1)
    return turned(of("turn", strongest.turn)) + torch.stack([to_right, downwards], dim=1)
