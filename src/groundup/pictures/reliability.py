"""Accuracy against confidence, as large as a card of TensorBoard's TIME SERIES, which scales down roughly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from groundup.pictures.ink import AMBER, BLUE, FAINT, INK, WHITE, font, width

_ACROSS, _DOWN, _SHARES = 280, 112, 28  # pixels of the plot; of the images below it
_LEFT, _TOP, _GAP = 36, 24, 16  # beside the plot, above, below
_TITLE, _SIZE = 12, 10  # of letters


def draw_reliability(
    images: NDArray[np.integer],
    confidence: NDArray[np.floating],
    right: NDArray[np.integer],
    error: float,
    title: str,
) -> Image.Image:
    """Draws a bar of accuracy for each bin of confidences, amber from there to the mean confidence; below, its images.

    Args:
        images: `(B,)`, of each bin of equal width.
        confidence: `(B,)`, the sum of theirs.
        right: `(B,)`, how many of them are right.
        error: the expected calibration error.
        title: stands above, with the error.
    """
    title = f"{title}: calibration error {error:.4f}"
    size = (max(_LEFT + _ACROSS + 12, width(title, _TITLE) + 12), _TOP + _DOWN + _GAP + _SHARES + 32)
    image = Image.new("RGB", size, WHITE)
    draw = ImageDraw.Draw(image)
    draw.text((4, 4), title, fill=INK, font=font(_TITLE))
    for place in np.flatnonzero(images):
        count = int(images[place])
        _draw_bin(draw, int(place), len(images), right[place] / count, confidence[place] / count, count / images.max())
    _draw_axes(draw)
    return image


def _draw_bin(
    draw: ImageDraw.ImageDraw, place: int, bins: int, accuracy: float, confidence: float, part: float
) -> None:
    left, end = (_LEFT + round(_ACROSS * edge / bins) for edge in (place, place + 1))
    bottom = _TOP + _DOWN
    right, sure = (bottom - round(_DOWN * share) for share in (accuracy, confidence))
    draw.rectangle((left + 1, right, end - 1, bottom), fill=BLUE)
    draw.rectangle((left + 1, min(right, sure), end - 1, max(right, sure)), outline=AMBER, width=2)
    foot = bottom + _GAP + _SHARES
    draw.rectangle((left + 1, foot - round(_SHARES * part), end - 1, foot), fill=INK)


def _draw_axes(draw: ImageDraw.ImageDraw) -> None:
    bottom, end = _TOP + _DOWN, _LEFT + _ACROSS
    foot = bottom + _GAP + _SHARES
    draw.line((_LEFT, bottom, end, _TOP), fill=INK)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _LEFT + round(_ACROSS * share), bottom - round(_DOWN * share)
        draw.line((_LEFT - 3, y, _LEFT, y), fill=INK)
        draw.text((_LEFT - 5, y), f"{share:g}", fill=INK, font=font(_SIZE), anchor="rm")
        draw.line((x, foot, x, foot + 3), fill=INK)
        draw.text((x, foot + 4), f"{share:g}", fill=INK, font=font(_SIZE), anchor="ma")
    draw.line((_LEFT, _TOP, _LEFT, bottom), fill=INK)
    draw.line((_LEFT, bottom, end, bottom), fill=FAINT)
    draw.line((_LEFT, foot, end, foot), fill=INK)
    draw.text((_LEFT + 6, _TOP), "share that is right", fill=INK, font=font(_SIZE))
    draw.text((_LEFT + 6, bottom + 3), "images", fill=INK, font=font(_SIZE))
    draw.text((_LEFT, foot + 17), "probability of the predicted class", fill=INK, font=font(_SIZE))
