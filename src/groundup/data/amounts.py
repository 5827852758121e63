"""How much each augmentation changes an image. Imports no torch."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundup.errors import UserError

log = logging.getLogger(__name__)

_LEAST = {"crop_padding": 1 / 32, "shift": 1 / 32, "cutout_size": 1 / 10}  # parts of a side that are worth it
_NAMES = {"crop_padding": "crop", "shift": "shift", "cutout_size": "cutout"}

# Keys that say something where their augmentation is named, and nothing else; younger than the first runs.
OF_NAMED = {
    "crop_scale": "random_resized_crop",
    "rotation": "rotation",
    "color_jitter": "color_jitter",
    "randaugment": "randaugment",
    "erasing_probability": "erasing",
    "erasing_area": "erasing",
    "mixup_alpha": "mixup",
    "cutmix_alpha": "cutmix",
}


@dataclass(frozen=True)
class Amounts:
    """The amounts, as the keys of `data` are called. A size is in pixels, or below 1 in parts of the shorter side.

    Attributes:
        crop_padding: what `crop` adds on each side.
        shift: the largest shift.
        cutout_size: the side of the square.
        crop_scale: least and largest area of `random_resized_crop`, in parts of the image's.
        rotation: the largest angle, in degrees.
        color_jitter: by how much brightness, contrast, saturation and hue change at most.
        randaugment: how many operations, and their strength of 0..30.
        erasing_probability: with which an image loses a rectangle.
        erasing_area: least and largest area of that, in parts of the image's.
        mixup_alpha: shares of two images are of Beta(alpha, alpha): equal ones are rare below 1, and frequent above.
        cutmix_alpha: likewise, of the areas.
    """

    crop_padding: float = 4
    shift: float = 2
    cutout_size: float = 8
    crop_scale: Sequence[float] = (0.08, 1.0)
    rotation: float = 15.0
    color_jitter: Sequence[float] = (0.4, 0.4, 0.4, 0.1)
    randaugment: Sequence[float] = (2, 9)
    erasing_probability: float = 0.5
    erasing_area: Sequence[float] = (0.02, 0.33)
    mixup_alpha: float = 0.2
    cutmix_alpha: float = 1.0


def pixels(size: float, image_size: Sequence[int]) -> int:
    """A size in pixels, which below 1 is given in parts of the shorter side; never less than one pixel."""
    return int(size) if size >= 1 else max(1, round(size * min(image_size)))


def refuse_large_amounts(names: Sequence[str], data: Mapping[str, Any], image_size: Sequence[int]) -> None:
    """Refuses sizes that leave nothing of an image.

    Raises:
        UserError: naming the key.
    """
    side = min(image_size)
    for key, name, limit in (("shift", "shift", side), ("cutout_size", "cutout", 2 * side)):
        size = data.get(key)
        if name in names and size is not None and pixels(size, image_size) >= limit:
            raise UserError(
                f"data.{key}={size:g} with images of {image_size[0]}x{image_size[1]} pixels: nothing would be left of "
                f"them; accepted: less than {limit}"
            )


def warn_of_small_amounts(names: Sequence[str], amounts: Amounts, image_size: Sequence[int]) -> None:
    """Logs a warning for each size in pixels that was meant for smaller images, and hardly changes these."""
    side = min(image_size)
    for key, least in _LEAST.items():
        size = getattr(amounts, key)
        if _NAMES[key] in names and 1 <= size < least * side:
            log.warning(
                f"data.{key}={size:g} with images of {image_size[0]}x{image_size[1]} pixels: {_NAMES[key]} hardly "
                "changes them; a number below 1 is a part of the shorter side, 0.125 for instance "
                f"{pixels(0.125, image_size)} pixels"
            )
