"""A plot as the page shows it, an SVG in the colours of the page, and as a PNG on white.

Drawn by Matplotlib's objects; its global state is left as it was.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

# Text, lines and ground of a PNG. In an SVG they become the page's own, so that it is read in light and in dark.
INK, MUTED, GRID = "#1f2430", "#667085", "#e3e6ec"
_IN_PAGE = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--grid)"}
# Told apart with the common kinds of colour blindness, and at least 3 : 1 against white and against the dark ground.
COLOURS = ("#2f7fd6", "#d9622b", "#1f9d76", "#b05fd0", "#b8860b", "#d6476b", "#128fa8", "#7d7f2a")
RIGHT, WRONG = COLOURS[0], COLOURS[1]
_STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with Matplotlib; the page puts its own in place
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "text.color": INK,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "groundup",
    "savefig.dpi": 160,
}


@dataclass(frozen=True)
class Picture:
    """A plot.

    Attributes:
        name: of its PNG file, without the suffix.
        caption: what is to be seen.
        svg: to stand in a page of HTML, with words for those who do not see it.
    """

    name: str
    title: str
    caption: str
    svg: str
    png: bytes


@contextmanager
def style() -> Iterator[None]:
    """The looks of what is drawn inside."""
    defaults: Any = matplotlib.rcParamsDefault  # not what a file of the user's says
    neutral: Any = {key: defaults[key] for key in defaults if not key.startswith("backend")}  # that imports pyplot
    with matplotlib.rc_context(neutral | _STYLE):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches; call it inside `style()`."""
    return Figure(figsize=(width, height), layout="constrained")


def colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def picture(figure: Figure, name: str, title: str, caption: str, alt: str) -> Picture:
    """Renders a figure both ways, `alt` saying in words what it shows; call it inside `style()`."""
    png, svg = io.BytesIO(), io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a browser has fonts for names in any script
        figure.savefig(png, format="png", facecolor="white", metadata={"Title": title, "Software": None})
        figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
    return Picture(name, title, caption, _for_page(svg.getvalue(), name, alt), png.getvalue())


def fractions(axes: Axes, which: str) -> None:
    """Ends an axis of accuracies at 0 and 1: a deviation may reach beyond, an accuracy cannot."""
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    margin = 0.02 * (min(high, 1) - max(low, 0))
    axes.set(**{f"{which}lim": (max(low, -margin), min(high, 1 + margin))})


def logarithmic(axes: Axes, which: str) -> None:
    """Makes an axis logarithmic, its numbers in plain digits: powers of ten would need mathematical text."""
    axes.set(**{f"{which}scale": "log"})
    axis: Axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def plain(axes: Axes) -> None:
    """No frame and no grid."""
    axes.grid(False)
    axes.spines[:].set_visible(False)


def _for_page(svg: str, name: str, alt: str) -> str:
    """The element alone, with names of its own for its parts, as several stand in one page."""
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'((?<![\w:-])id="|url\(#|href="#)', lambda found: f"{found[1]}{name}-", svg)
    for ours, page in _IN_PAGE.items():
        svg = svg.replace(ours, page)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(alt)}" ', 1)
