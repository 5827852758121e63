"""Which augmentations there are, and which go together. Imports no torch: a config is checked with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from groundup.errors import UserError

Name = Literal["none", "flip", "alternating_flip", "crop", "shift", "cutout"]
NAMES: tuple[str, ...] = get_args(Name)


def check_names(names: str | Sequence[str], crop_padding: int, image_size: tuple[int, int]) -> list[str]:
    """Gives the names as a list, `none` dropped.

    Raises:
        UserError: an unknown name, both kinds of flip, or a crop whose padding is not less than the image.
    """
    names = [names] if isinstance(names, str) else list(names)
    if unknown := [name for name in names if name not in NAMES]:
        raise UserError(f"data.augment={unknown[0]}: unknown; accepted: {', '.join(NAMES)}")
    names = [name for name in names if name != "none"]
    if {"flip", "alternating_flip"} <= set(names):
        raise UserError(f"data.augment=[{','.join(names)}]: has flip and alternating_flip: choose one")
    if "crop" in names and crop_padding >= min(image_size):
        raise UserError(
            f"data.crop_padding={crop_padding}: must be less than the image's {min(image_size)} pixels, because it "
            "reflects them"
        )
    return names
