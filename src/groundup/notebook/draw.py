"""Figures that notebooks share, drawn with matplotlib.

Numbers may be of any type: they are drawn as float64, those of a masked array that are masked as NaN, which is blank.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from groundup.pictures.confusion import row_shares

STYLE: dict[str, Any] = {
    "figure.dpi": 80,
    "figure.constrained_layout.use": True,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def use_style() -> None:
    """One look for all figures that are drawn from now on."""
    plt.style.use(STYLE)


def images(
    pixels: ArrayLike, titles: Sequence[str] = (), columns: int = 10, signed: bool = False, size: float = 0.8
) -> Figure:
    """A grid of grey images.

    Args:
        pixels: `(N, H, W)`.
        titles: one above each image, or none.
        columns: images side by side.
        signed: weights rather than images: red above 0, blue below, white at 0.
        size: inches a side.
    """
    pixels = _floats(pixels)
    rows = -(-len(pixels) // columns)
    height = size * (1.3 if titles else 1)
    figure, cells = plt.subplots(rows, columns, figsize=(size * columns, height * rows), squeeze=False)
    bound = float(np.nanmax(np.abs(pixels)))
    colours: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound} if signed else {"cmap": "gray_r"}
    for axes in cells.flat:
        axes.axis("off")
    for axes, image in zip(cells.flat, pixels, strict=False):
        axes.imshow(image, **colours)
    for axes, title in zip(cells.flat, titles, strict=False):
        axes.set_title(title, fontsize=9, pad=2)
    return figure


def confusion(axes: Axes, matrix: ArrayLike, class_names: Sequence[str]) -> None:
    """Counts `(K, K)`, a row a true class; the colour is the share of its row. Zeros are left blank."""
    counts = np.nan_to_num(_floats(matrix))
    texts = [[f"{count:.15g}" if count else "" for count in row] for row in counts.tolist()]
    _cells(axes, row_shares(counts), texts, class_names, class_names, limits=(0, 1))
    axes.set(xlabel="predicted class", ylabel="true class")


def grid(
    axes: Axes, mean: ArrayLike, sd: ArrayLike, rows: Sequence[str], columns: Sequence[str], percent: bool = True
) -> None:
    """Means and, below each, standard deviations `(R, C)`: coloured by the mean; blank where it is NaN."""
    mean, sd = _floats(mean), _floats(sd)
    scale, digits = (100, 1) if percent else (1, 3)
    texts = [
        [_spread(m * scale, s * scale, digits) for m, s in zip(*lines, strict=True)]
        for lines in zip(mean, sd, strict=True)
    ]
    _cells(axes, mean, texts, rows, columns)


def band(axes: Axes, x: ArrayLike, values: ArrayLike, label: str, **options: Any) -> None:
    """The mean of `values` `(seeds, X)` as a line, one standard deviation to both sides as a band."""
    values = _floats(values)
    mean = values.mean(axis=0)
    sd = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros_like(mean)
    [line] = axes.plot(x, mean, label=label, **options)
    axes.fill_between(np.asarray(x), mean - sd, mean + sd, alpha=0.2, color=line.get_color(), linewidth=0)


def _floats(values: ArrayLike) -> NDArray[np.float64]:
    return np.ma.filled(np.ma.asarray(values, np.float64), np.nan)


def _cells(
    axes: Axes,
    shades: NDArray[Any],
    texts: Sequence[Sequence[str]],
    rows: Sequence[str],
    columns: Sequence[str],
    limits: tuple[float | None, float | None] = (None, None),
) -> None:
    """A table whose cells are coloured; the text is white where the colour is dark."""
    picture = axes.imshow(shades, cmap="Blues", vmin=limits[0], vmax=limits[1], aspect="auto")
    middle = picture.norm.vmin + 0.6 * (picture.norm.vmax - picture.norm.vmin)  # type: ignore[operator]
    for row, column in np.ndindex(shades.shape):
        colour = "white" if shades[row, column] > middle else "black"
        axes.text(column, row, texts[row][column], ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(False)


def _spread(mean: float, sd: float, digits: int) -> str:
    if np.isnan(mean):
        return ""
    return f"{mean:.{digits}f}" if np.isnan(sd) else f"{mean:.{digits}f}\n± {sd:.{digits}f}"
