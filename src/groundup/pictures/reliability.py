"""Accuracy against confidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from groundup.pictures.ink import AMBER, BLUE, FAINT, INK, WHITE, font, width

_SIDE, _LEFT, _TOP, _SHARES, _SIZE = 360, 64, 44, 70, 13  # pixels of the plot, beside it, above, below; of letters


def draw_reliability(
    images: NDArray[np.integer], confidence: NDArray[np.floating], right: NDArray[np.integer], title: str
) -> Image.Image:
    """Draws a bar of accuracy for each bin of confidences, amber from there to the mean confidence; below, its images.

    Args:
        images: `(B,)`, of each bin of equal width.
        confidence: `(B,)`, the sum of theirs.
        right: `(B,)`, how many of them are right.
        title: stands above.
    """
    total = max(1, int(images.sum()))
    error = float(np.abs(right - confidence).sum()) / total
    title = f"{title}: calibration error {error:.4f}"
    size = (max(_LEFT + _SIDE + 24, width(title, 15) + 24), _TOP + _SIDE + _SHARES + 74)
    image = Image.new("RGB", size, WHITE)
    draw = ImageDraw.Draw(image)
    draw.text((12, 10), title, fill=INK, font=font(15))
    for place in np.flatnonzero(images):
        count = int(images[place])
        _draw_bin(draw, int(place), len(images), right[place] / count, confidence[place] / count, count / images.max())
    _draw_axes(draw)
    return image


def _draw_bin(
    draw: ImageDraw.ImageDraw, place: int, bins: int, accuracy: float, confidence: float, part: float
) -> None:
    left, end = (_LEFT + round(_SIDE * edge / bins) for edge in (place, place + 1))
    bottom = _TOP + _SIDE
    right, sure = (bottom - round(_SIDE * share) for share in (accuracy, confidence))
    draw.rectangle((left + 1, right, end - 1, bottom), fill=BLUE)
    draw.rectangle((left + 1, min(right, sure), end - 1, max(right, sure)), outline=AMBER, width=2)
    foot = bottom + 24 + _SHARES
    draw.rectangle((left + 1, foot - round(_SHARES * part), end - 1, foot), fill=INK)


def _draw_axes(draw: ImageDraw.ImageDraw) -> None:
    bottom, end, foot = _TOP + _SIDE, _LEFT + _SIDE, _TOP + _SIDE + 24 + _SHARES
    draw.line((_LEFT, bottom, end, _TOP), fill=INK)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _LEFT + round(_SIDE * share), bottom - round(_SIDE * share)
        draw.line((_LEFT - 4, y, _LEFT, y), fill=INK)
        draw.text((_LEFT - 7, y), f"{share:g}", fill=INK, font=font(_SIZE), anchor="rm")
        draw.line((x, foot, x, foot + 4), fill=INK)
        draw.text((x, foot + 6), f"{share:g}", fill=INK, font=font(_SIZE), anchor="ma")
    draw.line((_LEFT, _TOP, _LEFT, bottom), fill=INK)
    draw.line((_LEFT, bottom, end, bottom), fill=FAINT)
    draw.line((_LEFT, foot, end, foot), fill=INK)
    draw.text((_LEFT + 8, _TOP + 4), "share that is right", fill=INK, font=font(_SIZE))
    draw.text((_LEFT + 8, bottom + 6), "images", fill=INK, font=font(_SIZE))
    draw.text((_LEFT, foot + 22), "probability of the predicted class", fill=INK, font=font(_SIZE))
