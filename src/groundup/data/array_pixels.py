"""Arrays of images as people save them, as `(N, C, H, W)` of uint8. What is not certain is refused. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundup.errors import UserError

COLOURS = (1, 3)  # channels that are told by their number
_DARK = 16  # whole numbers up to here may be shades of white = 16, or masks of 0 and 1
_HALF = 127
_AT_ONCE = 1 << 24  # values


def layout_of(shape: Sequence[int], said: str | None, where: str) -> str:
    """How the axes of images lie: `NHW`, `NHWC`, `NCHW`, or `N*` of grey squares whose rows are one after another.

    Args:
        shape: of the whole array.
        said: `NHWC` or `NCHW`, where the user says so.
        where: the array is, to begin a message.

    Raises:
        UserError: it is not told by the shape.
    """
    given = f"{where}: images of shape {tuple(shape)}"
    if len(shape) == 2 and said is None:
        side = math.isqrt(shape[1])
        if side * side == shape[1] and side > 1:
            return "N*"
        raise UserError(f"{given}: {shape[1]} pixels are no square of one channel; accepted: (N, H, W) or (N, H, W, C)")
    if len(shape) == 3 and said is None:
        return "NHW"
    if len(shape) != 4:
        raise UserError(
            f"{given}{'' if said is None else f' with data.layout={said}'}: accepted: (N, H, W), (N, H, W, C) or "
            "(N, C, H, W)" + ("" if said is None else ", the last two with data.layout")
        )
    if said is not None:
        return said
    last, second = shape[3] in COLOURS, shape[1] in COLOURS
    if last == second:
        raise UserError(
            f"{given}: which axis has the channels? Accepted: data.layout=NHWC, or data.layout=NCHW"
            + ("" if last else "; channels are told by their number where it is 1 or 3")
        )
    return "NHWC" if last else "NCHW"


def size_of(shape: Sequence[int], layout: str, transpose: bool) -> tuple[int, int, int]:
    """Channels, height and width of images of this layout."""
    if layout == "N*":
        side = math.isqrt(shape[1])
        return 1, side, side
    sizes = dict(zip(layout, shape, strict=True))
    height, width = (sizes["W"], sizes["H"]) if transpose else (sizes["H"], sizes["W"])
    return sizes.get("C", 1), height, width


def channels_first(images: NDArray[Any], layout: str, transpose: bool) -> NDArray[Any]:
    """The images `(N, C, H, W)`; rows and columns exchanged where they are so in the file."""
    if layout == "N*":
        images = images.reshape(len(images), *size_of(images.shape, layout, False)[1:])
    if layout in ("N*", "NHW"):
        images = images[:, None]
    elif layout == "NHWC":
        images = images.transpose(0, 3, 1, 2)
    return images.swapaxes(2, 3) if transpose else images


def white_of(images: NDArray[Any], said: float | None, where: str) -> float:
    """The value of a white pixel: 255, or 1 of fractions.

    Args:
        images: of any shape.
        said: what the user says it is.
        where: the array is, to begin a message.

    Raises:
        UserError: values are not finite, below 0 or above white, or leave open what white is.
    """
    if images.dtype.kind not in "buif":
        raise UserError(f"{where}: images of {images.dtype}; accepted: whole numbers, or fractions of 0..1")
    if images.size == 0:
        return said or 255
    low, high = float(images.min()), float(images.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        bad = int(np.count_nonzero(~np.isfinite(images)))
        raise UserError(f"{where}: {bad:,} values are NaN or infinite; accepted: finite ones")
    if low < 0:
        raise UserError(
            f"{where}: values of {low:.6g} to {high:.6g}: below 0, so they seem to be normalised already; accepted: "
            "0..255, or fractions of 0..1 (data.mean and data.std normalise them)"
        )
    if said is not None:
        if high > said:
            raise UserError(f"{where}: values up to {high:.6g}; accepted by data.white={said:g}: 0..{said:g}")
        return said
    white = 1.0 if images.dtype.kind == "b" else _told(images, high)
    if white is None:
        raise UserError(
            f"{where}: values of {images.dtype} up to {high:.6g}: which of them is white? Accepted: data.white=VALUE "
            "(255 of whole numbers up to there, and 1 of fractions up to there, are told)"
        )
    return white


def refuse_nearly_black(images: NDArray[Any], white: float, where: str) -> None:
    """Refuses what `data.white` says where it makes all training images black.

    Raises:
        UserError: so it does.
    """
    high = float(images.max()) if images.size else white
    if high * _DARK < white:
        raise UserError(
            f"{where}: values up to {high:.6g}, which data.white={white:g} makes nearly black; accepted: a value of "
            "data.white that some pixels come near to"
        )


def refuse_another_scale(images: NDArray[Any], white: float, where: str) -> None:
    """Refuses images of which the lightest is nearly black by what white is in those that are trained on.

    Raises:
        UserError: so it is.
    """
    high = float(images.max()) if images.size else white
    if white > 1 and high <= _DARK:
        raise UserError(
            f"{where}: values up to {high:.6g}, where white of the training images is {white:g}; accepted: images of "
            f"one scale, or data.white={white:g} if these are so dark"
        )


def _told(images: NDArray[Any], high: float) -> float | None:
    """What white is, where the values leave no doubt: a whole set of pictures has light and dark ones."""
    if images.dtype == np.uint8 and high > _DARK:
        return 255.0
    if high == 1:
        return 1.0  # of 0..255 every picture would be black
    if images.dtype.kind in "iu" or _are_whole(images):
        return 255.0 if _HALF < high <= 255 else None
    return 1.0 if 0.5 < high <= 1 else None


def _are_whole(images: NDArray[Any]) -> bool:
    flat = images.reshape(-1) if images.flags.c_contiguous else images.ravel(order="K")
    parts = (flat[first : first + _AT_ONCE] for first in range(0, len(flat), _AT_ONCE))
    return all(bool((part == np.floor(part)).all()) for part in parts)


def as_bytes(images: NDArray[Any], white: float) -> NDArray[np.uint8]:
    """Values of 0..white as 0..255, rounded to the nearest, in memory of their own."""
    if images.dtype == np.uint8 and white == 255:
        return np.ascontiguousarray(images)
    out = np.empty(images.shape, np.uint8)
    rows = max(1, _AT_ONCE // max(1, math.prod(images.shape[1:])))
    for first in range(0, len(images), rows):
        part = images[first : first + rows].astype(np.float64)
        out[first : first + rows] = np.rint(part * (255 / white)).astype(np.uint8)
    return out
