"""Figures of runs: what one run came to, and several."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from groundup.rundir.direction import SHARES

LARGEST = 1e150  # whose square is a number, also of a difference


class Figure(NamedTuple):
    """Mean and sample standard deviation of `n` values; None, where arrays are made of it NaN, for that of one."""

    mean: float
    sd: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure | None:
        """None of no values."""
        return cls(statistics.mean(values), deviation(values), len(values)) if values else None


def deviation(values: Sequence[float]) -> float | None:
    """The sample standard deviation; None of one value, NaN where one of them is no finite number."""
    if not all(map(math.isfinite, values)):
        return math.nan
    return statistics.stdev(values) if len(values) > 1 else None


def number_in(results: Mapping[str, Any], name: str) -> float | None:
    """A figure of a run; None where it has none, or none that is a number with a square, as deviations are made of.

    A loss that has grown so large is as good as infinite; and the file may have been edited: an accuracy of 97.5 is no
    share.
    """
    value = results.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    if name in SHARES and not 0 <= value <= 1:
        return None
    return value if abs(value) <= LARGEST else None
