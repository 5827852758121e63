"""What configurations cost beside what they achieve: of each figure its words, and how its numbers are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Cost(NamedTuple):
    """A figure of which less is better.

    Attributes:
        words: what it is, with its unit.
        write: a number of it for a table.
    """

    words: str
    write: Callable[[float], str]


def count(value: float) -> str:
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def digits(value: float) -> str:
    """Three of them."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def size(value: float) -> str:
    """`940 kB`, three digits of it, by powers of 1000."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while value >= 999.5 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.0f} {units[0]}" if value >= 100 or units[0] == "B" else f"{value:.3g} {units[0]}"


# In the order in which a terminal that is too narrow for all has them.
COSTS = {
    "train_seconds": Cost("seconds of training", seconds),
    "parameters": Cost("parameters", count),
    "macs": Cost("multiply-adds of an image", count),
    "image_ms": Cost("milliseconds of an image", digits),
    "batch_ms": Cost("milliseconds of a batch", digits),
    "peak_memory": Cost("bytes of GPU memory in training", size),
    "size_on_disk": Cost("bytes of the weights in a file", size),
}
OF_EACH_RUN = ("train_seconds",)  # shown though they do not differ, and of every job; the others are of the network
