"""Which augmentations there are, and which go together. Imports no torch: a config is checked with it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

from groundup.data.amounts import pixels
from groundup.errors import UserError

Name = Literal[
    "none",
    "flip",
    "alternating_flip",
    "vflip",
    "crop",
    "random_resized_crop",
    "shift",
    "rotation",
    "color_jitter",
    "randaugment",
    "trivialaugment",
    "erasing",
    "cutout",
    "mixup",
    "cutmix",
]
NAMES: tuple[str, ...] = get_args(Name)
MIXING = ("mixup", "cutmix")  # two images, with a share of either label: of batches, and last
_ONE_OF = (("flip", "alternating_flip"), ("crop", "random_resized_crop"), ("randaugment", "trivialaugment"))


def check_names(names: str | Sequence[str], crop_padding: float, image_size: tuple[int, int]) -> list[str]:
    """Gives the names as a list, `none` dropped.

    Raises:
        UserError: an unknown name, two of one kind, a wrong order, or a crop whose padding is not less than the image.
    """
    names = [names] if isinstance(names, str) else list(names)
    if unknown := [name for name in names if name not in NAMES]:
        raise UserError(f"data.augment={unknown[0]}: unknown; accepted: {', '.join(NAMES)}")
    names = [name for name in names if name != "none"]
    for pair in _ONE_OF:
        if set(pair) <= set(names):
            raise UserError(f"data.augment=[{','.join(names)}]: has {' and '.join(pair)}: choose one")
    if any(name in MIXING and other not in MIXING for name, other in pairwise(names)):
        raise UserError(
            f"data.augment=[{','.join(names)}]: mixup and cutmix mix images that are finished; accepted: at the end"
        )
    if "crop" in names and pixels(crop_padding, image_size) >= min(image_size):
        raise UserError(
            f"data.crop_padding={crop_padding}: must be less than the image's {min(image_size)} pixels, because it "
            "reflects them"
        )
    return names
