"""How probable it is that one run of a configuration does better than one of another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import nctdtrinc, ndtr

from groundup.statistics.uncertainty import CONFIDENCE

FARTHEST = 1000.0  # of the noncentral t, by far enough for a probability of 1


def beats(first: Sequence[float], second: Sequence[float]) -> tuple[float, tuple[float, float]] | None:
    """The probability that a run of the first has the higher figure, of seeds drawn anew, and its interval.

    The figures of runs are taken for normally distributed, with a deviation of each configuration's own. The interval
    is of the noncentral t, whose noncentrality is the difference in units of the deviation.

    Source: B. Reiser and I. Guttman, "Statistical inference for Pr(Y < X): the normal case", 1986.

    Returns:
        None where one has fewer than two runs, or where none of the figures differ in their configuration.
    """
    if min(len(first), len(second)) < 2:
        return None
    variances = np.array([np.var(first, ddof=1), np.var(second, ddof=1)])
    runs = np.array([len(first), len(second)])
    total, of_mean = float(variances.sum()), float((variances / runs).sum())
    if total == 0:
        return None
    difference = float(np.mean(first) - np.mean(second))
    degrees = total**2 / float((variances**2 / (runs - 1)).sum())
    t = min(max(difference / math.sqrt(of_mean), -FARTHEST), FARTHEST)
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(ndtr(nctdtrinc(degrees, share, t) * math.sqrt(of_mean / total))) for share in (1 - tail, tail))
    return float(ndtr(difference / math.sqrt(total))), (low, high)
