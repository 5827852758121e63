"""The confusion matrix as a picture.

Of few classes it is as large as a card of TensorBoard's TIME SERIES, some 340 x 210 pixels, which scales down roughly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from groundup.pictures.ink import BLUE, INK, RED, WHITE, blend, font, shortened, upright, width

_SIDE = 2300  # pixels of the largest matrix
_CELLS = ((12, 27, 14, 10), (25, 34, 34, 12), (50, 28, 28, 10))  # classes up to; a cell across, down, its letters
_CORNER = ("true: down,", "predicted:", "across")  # beside the names above, over those at the left
_LABEL = 130  # pixels of the longest class name
_TITLE, _SMALL = 12, 9  # pixels of the letters of the title, of the axes' names


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
    breadth, height, size = _cell(len(counts))
    across, down = breadth * len(counts), height * len(counts)
    corner = max(width(text, _SMALL) for text in _CORNER)
    label = min(_LABEL, max(width(name, size) for name in class_names)) if size else 0
    left, top = max(corner, label) + 10, max(len(_CORNER) * (_SMALL + 3), label + 6) + _TITLE + 10
    image = Image.new("RGB", (max(left + across, width(title, _TITLE) + 6) + 6, top + down + 4), WHITE)
    image.paste(Image.fromarray(_coloured(share, breadth, height)), (left, top))
    draw = ImageDraw.Draw(image)
    draw.text((4, 3), title, fill=INK, font=font(_TITLE))
    for number, text in enumerate(reversed(_CORNER)):
        draw.text((left - 6, top - 4 - number * (_SMALL + 3)), text, fill=INK, font=font(_SMALL), anchor="rs")
    if size:
        cell = (breadth, height)
        _write_labels(image, class_names, (left, top), cell, size, label)
        _write_cells(draw, 100 * share if shares else counts, share, (left, top), cell, size)
    return image


def row_shares(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Of the images of each true class, the share that was taken for each; 0 in the row of a class without images."""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _cell(classes: int) -> tuple[int, int, int]:
    """Pixels of a cell across and down, and of the letters in it; 0 where there is no room for any."""
    for most, *sizes in _CELLS:
        if classes <= most:
            breadth, height, size = sizes
            return breadth, height, size
    cell = max(1, _SIDE // classes)
    return (min(cell, 23), min(cell, 23), 9) if cell >= 14 else (cell, cell, 0)


def _coloured(share: NDArray[np.floating], breadth: int, height: int) -> NDArray[np.uint8]:
    strength = np.sqrt(share)
    colours = blend(strength, RED)
    hit = np.arange(len(share))
    colours[hit, hit] = blend(strength[hit, hit], BLUE)
    large = colours.repeat(height, axis=0).repeat(breadth, axis=1)
    if height >= 6:  # lines between the cells
        large[::height] = large[:, ::breadth] = 235
    return large


def _write_labels(
    image: Image.Image, names: Sequence[str], corner: tuple[int, int], cell: tuple[int, int], size: int, room: int
) -> None:
    draw = ImageDraw.Draw(image)
    (left, top), (breadth, height) = corner, cell
    for number, name in enumerate(names):
        text = shortened(name, size, room)
        x, y = left + number * breadth + breadth // 2, top + number * height + height // 2
        draw.text((left - 4, y), text, fill=INK, font=font(size), anchor="rm")
        column = upright(text, size)
        image.paste(column, (x - column.width // 2, top - 3 - column.height))


def _write_cells(
    draw: ImageDraw.ImageDraw,
    values: NDArray[np.number],
    share: NDArray[np.floating],
    corner: tuple[int, int],
    cell: tuple[int, int],
    size: int,
) -> None:
    is_count = np.issubdtype(values.dtype, np.integer)
    (left, top), (breadth, height) = corner, cell
    for row, column in np.argwhere(values > 0):
        value = values[row, column]
        text = str(value) if is_count else _percentage(value, breadth)
        fill = WHITE if share[row, column] > 0.3 else INK
        middle = (left + column * breadth + breadth // 2, top + row * height + height // 2)
        draw.text(middle, text, fill=fill, font=font(size), anchor="mm")


def _percentage(value: float, breadth: int) -> str:
    return f"{value:.1f}" if breadth >= 27 and value < 99.95 else f"{value:.0f}"
