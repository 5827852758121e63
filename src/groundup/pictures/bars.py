"""A bar for each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from groundup.pictures.ink import AMBER, BLUE, FAINT, INK, WHITE, font, shortened, width, wrapped

_ROWS, _HEIGHT, _BAR = 25, 17, 140  # rows a column, pixels of a row, of a bar
_TITLE, _SIZE = 12, 11  # pixels of letters
_SHOWN = 200  # classes


def draw_bars(
    hits: NDArray[np.integer], totals: NDArray[np.integer], class_names: Sequence[str], title: str
) -> Image.Image:
    """Draws the accuracy of every class, in amber where it is below that of all images together.

    Of more than 200 classes, those with the lowest accuracy.

    Args:
        hits: `(K,)`, images of each class that were told right.
        totals: `(K,)`, images of each class; one without any gets no bar.
        class_names: of the K classes.
        title: stands above.
    """
    share = np.where(totals > 0, hits / np.maximum(totals, 1), np.nan)
    overall = hits.sum() / max(1, totals.sum())
    shown = list(range(len(share)))
    if len(share) > _SHOWN:
        shown = sorted(np.argsort(share)[:_SHOWN].tolist())
        title += f"; the {_SHOWN} worst of {len(share)} classes"
    label = min(120, max(width(class_names[i], _SIZE) for i in shown)) + 8
    rows = min(_ROWS, len(shown))
    block = label + _BAR + 110
    columns = -(-len(shown) // rows)
    heading = wrapped(title, _TITLE, columns * block)
    top = 6 + len(heading) * (_TITLE + 4)
    breadth = max(columns * block, *(width(line, _TITLE) for line in heading)) + 8
    image = Image.new("RGB", (breadth, top + rows * _HEIGHT + 4), WHITE)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(heading):
        draw.text((4, 3 + number * (_TITLE + 4)), line, fill=INK, font=font(_TITLE))
    for place, i in enumerate(shown):
        column, row = divmod(place, rows)
        corner = (4 + column * block + label, top + row * _HEIGHT)
        name = shortened(class_names[i], _SIZE, label - 6)
        _draw_bar(draw, corner, name, share[i], overall, f"{hits[i]}/{totals[i]}")
    return image


def _draw_bar(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], name: str, share: float, overall: float, images: str
) -> None:
    x, y = corner
    middle, bottom = y + _HEIGHT // 2, y + _HEIGHT - 4
    draw.text((x - 4, middle), name, fill=INK, font=font(_SIZE), anchor="rm")
    draw.rectangle((x, y + 3, x + _BAR, bottom), fill=FAINT)
    figure = "no images"
    if not np.isnan(share):
        draw.rectangle((x, y + 3, x + round(_BAR * share), bottom), fill=BLUE if share >= overall else AMBER)
        figure = f"{100 * share:.1f} %  {images}"
    mark = x + round(_BAR * overall)
    draw.line((mark, y + 1, mark, bottom + 2), fill=INK)
    draw.text((x + _BAR + 5, middle), figure, fill=INK, font=font(_SIZE), anchor="lm")
