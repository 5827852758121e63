"""Drawn and photographed digits, made as those of MNIST are: light on black, cut out, scaled, centred by mass..

Source: http://yann.lecun.com/exdb/mnist (LeCun et al. 1998, section III.A): a digit fills a box of 20 x 20 of 28 x 28
pixels, its proportions kept, and its centre of mass is the centre of the image.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from groundup.spec import DatasetSpec

Invert = Literal["auto", "true", "false"]

BOX = 20 / 28  # of the side of an image, that the digit fills
DARK = 0.35  # mean of training pixels, 0..1, below which a network has learnt light on dark
UNIFORM = 60  # of 0..255: the middle half of the border's pixels lies within, where it is paper
CONTRAST = 50  # of 0..255, by which ink is darker than paper at least
LARGEST = 600  # pixels a side, of an image that a digit is looked for in
OFF = 0.75  # pixels, that the centre of mass of a digit is off at most: it was moved by whole ones
SPECK = 0.05  # of the largest stroke's area: smaller ones are dirt
FAINT = 0.02  # ink, 0..1, of the soft edge of a stroke


def expects_light_on_dark(spec: DatasetSpec) -> bool:
    """Whether a network was trained on grey images that are mostly dark, as MNIST's are."""
    return spec.channels == 1 and bool(spec.mean) and spec.mean[0] < DARK


def is_dark_on_light(grey: NDArray[np.uint8]) -> bool:
    """Whether an image `(H, W)` shows dark ink on paper: an even border, and pixels that are much darker than it."""
    above = grey - _paper(grey)
    low, high = np.percentile(_border(above), (25, 75))
    darkest, lightest = np.percentile(above, (0.2, 99.8))
    return bool(high - low <= UNIFORM and -darkest > max(CONTRAST, lightest))


def inverted(grey: NDArray[np.uint8], invert: Invert) -> NDArray[np.uint8]:
    """The image as its negative, where that was asked for or is due."""
    due = is_dark_on_light(grey) if invert == "auto" else invert == "true"
    return 255 - grey if due else grey


def as_mnist(grey: NDArray[np.uint8], size: tuple[int, int], invert: Invert = "auto") -> NDArray[np.uint8]:
    """The digit of an image `(H, W)`, cut out, as `size` of uint8; an image that is like that already stays as it is.

    Raises:
        ValueError: there is no ink.
    """
    light = inverted(grey, invert)
    if light.shape == size and _is_as_mnist(light):
        return light
    ink = _ink(_reduced(light).astype(float))
    kept = _strokes(ink)
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    cut = np.where(kept, ink, 0)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _centred(_scaled(cut, round(BOX * min(size))), size)


def _border(grey: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])


def _is_as_mnist(light: NDArray[np.uint8]) -> bool:
    """Black around a digit of the right size, whose centre of mass is where it belongs."""
    ink = light > 0
    if not ink.any() or _border(light).any():
        return False
    sides = [np.ptp(np.flatnonzero(ink.any(axis=axis))) + 1 for axis in (0, 1)]
    centre = np.array(ndimage.center_of_mass(light))
    off = np.abs(centre - np.array(light.shape) / 2).max()
    return bool(abs(max(sides) - BOX * min(light.shape)) <= 1 and off <= OFF)


def _reduced(light: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if max(light.shape) <= LARGEST:
        return light
    image = Image.fromarray(light)
    image.thumbnail((LARGEST, LARGEST), Image.Resampling.BOX)
    return np.asarray(image)


def _paper(grey: NDArray[Any]) -> NDArray[np.float64]:
    """The paper behind an image `(H, W)`, lit evenly or from a side: a plane through its border, by least squares.

    It is laid twice, the second time without pixels that are far off, where ink touches the border.
    """
    height, width = grey.shape
    y, x = np.linspace(-1, 1, height), np.linspace(-1, 1, width)
    places = np.stack([np.ones(len(_border(grey))), _border(y[:, None] + 0 * x), _border(0 * y[:, None] + x)], axis=1)
    values, near = _border(grey).astype(float), np.full(len(places), True)
    for _ in range(2):
        (level, down, across), *_ = np.linalg.lstsq(places[near], values[near], rcond=None)
        off = np.abs(values - places @ (level, down, across))
        near = off <= max(UNIFORM, float(np.median(off)))
    plane: NDArray[np.float64] = level + down * y[:, None] + across * x
    return plane


def _ink(light: NDArray[Any]) -> NDArray[Any]:
    """How much ink there is at every pixel, 0..1: what is lighter than the paper, whose noise counts as no ink."""
    above = light - _paper(light)
    edge = np.abs(_border(above))
    noise = 4 * np.median(edge[edge <= max(UNIFORM, np.median(edge))])
    full = np.percentile(above[above > max(noise, above.max() / 3)], 90) if above.max() > 0 else 0.0
    if full < CONTRAST / 2:
        raise ValueError("no digit: nothing stands out from the paper")
    return np.clip((above - noise) / max(full - noise, 1), 0, 1)


def _strokes(ink: NDArray[Any]) -> NDArray[np.bool_]:
    """Where the digit is: strokes, without specks, and the soft edges around them."""
    labels, count = ndimage.label(ink > 0.4, np.ones((3, 3)))
    if count == 0:
        raise ValueError("no digit: nothing stands out from the paper")
    areas = ndimage.sum_labels(ink > 0.4, labels, range(1, count + 1))
    large = 1 + np.flatnonzero(areas >= SPECK * areas.max())
    around = ndimage.binary_dilation(np.isin(labels, large), np.ones((3, 3)), iterations=max(1, max(ink.shape) // 60))
    return around & (ink > FAINT)


def _scaled(cut: NDArray[Any], side: int) -> NDArray[Any]:
    """The longer side as long as that, antialiased."""
    scale = side / max(cut.shape)
    width, height = (max(1, round(scale * length)) for length in cut.shape[::-1])
    image = Image.fromarray((255 * cut).astype(np.uint8))
    return np.asarray(
        image.resize((width, height), Image.Resampling.BILINEAR if scale < 1 else Image.Resampling.BICUBIC)
    )


def _centred(digit: NDArray[Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    """On black, with its centre of mass where MNIST's are, as far as it stays whole: pixel 14 of 0 to 27, not 13.5."""
    placed = np.zeros(size, dtype=np.uint8)
    corner = []
    for centre, length, whole in zip(ndimage.center_of_mass(digit), digit.shape, size, strict=True):
        corner.append(int(np.clip(round(whole / 2 - centre), 0, whole - length)))
    placed[corner[0] : corner[0] + digit.shape[0], corner[1] : corner[1] + digit.shape[1]] = digit
    return placed
