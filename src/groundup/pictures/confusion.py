"""The confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from groundup.pictures.ink import BLUE, INK, RED, WHITE, blend, font, shortened, upright, width

_SIDE = 2300  # pixels of the largest matrix
_CELLS = ((12, 46, 15), (25, 34, 12), (50, 28, 10))  # classes up to, pixels a cell, pixels of its number
_ACROSS, _DOWN = "predicted class, across", "true class, down"
_LABEL = 130  # pixels of the longest class name


def draw_confusion(
    counts: NDArray[np.integer], class_names: Sequence[str], title: str, shares: bool = False
) -> Image.Image:
    """Draws how often each class was taken for each: the diagonal in blue, mistakes in red.

    A cell's colour is the square root of its share of the row, so that one mistake in a hundred is still seen.

    Args:
        counts: `(K, K)`; rows are true classes, columns predicted ones.
        class_names: of the K classes.
        title: stands above.
        shares: writes percentages of the row instead of numbers of images.
    """
    share = row_shares(counts)
    cell, size = _cell(len(counts))
    label = min(_LABEL, max(width(name, size) for name in class_names)) + 8 if size else 0
    left, top = label + 24, label + 52
    side = cell * len(counts)
    breadth = max(left + max(side, width(_ACROSS, 12)), 12 + width(title, 15)) + 12
    image = Image.new("RGB", (breadth, top + max(side, width(_DOWN, 12)) + 12), WHITE)
    image.paste(Image.fromarray(_coloured(share, cell)), (left, top))
    draw = ImageDraw.Draw(image)
    draw.text((12, 8), title, fill=INK, font=font(15))
    draw.text((left, 30), _ACROSS, fill=INK, font=font(12))
    image.paste(upright(_DOWN, 12), (4, top))
    if size:
        _write_labels(image, class_names, left, top, cell, size, label)
        _write_cells(draw, 100 * share if shares else counts, share, left, top, cell, size)
    return image


def row_shares(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Of the images of each true class, the share that was taken for each; 0 in the row of a class without images."""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _cell(classes: int) -> tuple[int, int]:
    """Pixels of a cell and of the letters in it; 0 where there is no room for any."""
    for most, cell, size in _CELLS:
        if classes <= most:
            return cell, size
    cell = max(1, _SIDE // classes)
    return (min(cell, 23), 9) if cell >= 14 else (cell, 0)


def _coloured(share: NDArray[np.floating], cell: int) -> NDArray[np.uint8]:
    strength = np.sqrt(share)
    colours = blend(strength, RED)
    hit = np.arange(len(share))
    colours[hit, hit] = blend(strength[hit, hit], BLUE)
    large = colours.repeat(cell, axis=0).repeat(cell, axis=1)
    if cell >= 6:  # lines between the cells
        large[::cell] = large[:, ::cell] = 235
    return large


def _write_labels(
    image: Image.Image, names: Sequence[str], left: int, top: int, cell: int, size: int, label: int
) -> None:
    draw = ImageDraw.Draw(image)
    for number, name in enumerate(names):
        text, middle = shortened(name, size, label - 6), number * cell + cell // 2
        draw.text((left - 4, top + middle), text, fill=INK, font=font(size), anchor="rm")
        column = upright(text, size)
        image.paste(column, (left + middle - column.width // 2, top - 3 - column.height))


def _write_cells(
    draw: ImageDraw.ImageDraw,
    values: NDArray[np.number],
    share: NDArray[np.floating],
    left: int,
    top: int,
    cell: int,
    size: int,
) -> None:
    is_count = np.issubdtype(values.dtype, np.integer)
    for row, column in np.argwhere(values > 0):
        value = values[row, column]
        text = str(value) if is_count else _percentage(value, cell)
        fill = WHITE if share[row, column] > 0.3 else INK
        middle = (left + column * cell + cell // 2, top + row * cell + cell // 2)
        draw.text(middle, text, fill=fill, font=font(size), anchor="mm")


def _percentage(value: float, cell: int) -> str:
    return f"{value:.1f}" if cell >= 34 and value < 99.95 else f"{value:.0f}"
