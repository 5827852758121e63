"""How good the probabilities of a classifier are: proper scores, calibration, the temperature that would mend them.

Everywhere `logs` are log-probabilities `(N, K)`, `true` the classes `(N,)`, `confidence` `(N,)` the probability of the
class that was predicted, and `right` `(N,)` whether that is the true one. Where there is no image, or one of which
nothing is known (NaN), a figure is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

BINS = 15
COLDEST, HOTTEST = 0.01, 100.0  # temperatures
_MOST_TURNS = 100
_NOTHING = -1e6  # in place of the logarithm of 0
_AT_ONCE = 2**22  # numbers that are worked on: of a thousand classes several copies of all would fill the memory

Numbers = NDArray[Any]


def negative_log_likelihood(logs: Numbers, true: Numbers) -> float:
    """The mean of -log of the true class's probability; infinite where one of these is 0."""
    return -_mean(logs[np.arange(len(true)), true])


def brier_score(logs: Numbers, true: Numbers) -> float:
    """The mean over images of the sum over classes of (probability - one-hot)², of 0..2.

    Source: Brier, "Verification of forecasts expressed in terms of probability" (1950), equation 2.
    """
    own = np.exp(logs[np.arange(len(true)), true])
    squares = _by_row(logs, lambda part: (np.exp(part) ** 2).sum(axis=1))
    return _mean(squares - 2 * own + 1)


def expected_calibration_error(confidence: Numbers, right: Numbers, bins: int = BINS) -> float:
    """The mean over images of |accuracy - mean confidence| in the image's bin of confidences, of 0..1.

    As torchmetrics has it: bins are closed below, of numbers of single precision, and 1 has one of its own.

    Source: Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning" (2015); Guo et al., "On
    calibration of modern neural networks" (2017), equation 3.
    """
    if not len(right) or np.isnan(confidence).any():
        return math.nan
    places = _places(confidence, bins)
    gaps = np.bincount(places, right.astype(np.float64) - confidence, bins + 1)
    return float(np.abs(gaps).sum() / len(right))


def _places(confidence: Numbers, bins: int) -> NDArray[np.int64]:
    return np.clip(np.searchsorted(edges(bins), confidence.astype(np.float32), side="right") - 1, 0, bins)


def edges(bins: int) -> NDArray[np.float32]:
    """Where bins of confidence begin, `(bins + 1,)`; the last is that of confidence 1 alone."""
    return np.linspace(0, 1, bins + 1, dtype=np.float32)


class Reliability(NamedTuple):
    """Of each bin that has images, from the least sure: how many, their mean confidence, the share that is right."""

    images: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def reliability(confidence: Numbers, right: Numbers, bins: int = BINS) -> Reliability:
    """Confidence against accuracy in bins of equal width; images without numbers are left out."""
    known = ~np.isnan(confidence)
    confidence, right = confidence[known].astype(np.float64), right[known]
    places = np.minimum(_places(confidence, bins), bins - 1)
    images = np.bincount(places, minlength=bins)
    there = images > 0
    sums = (np.bincount(places, values, bins)[there] for values in (confidence, right.astype(np.float64)))
    return Reliability(images[there], *(values / images[there] for values in sums))


def risk_against_coverage(confidence: Numbers, right: Numbers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The share of images that are answered if the least sure are left out, and the share of errors among them.

    Images of one confidence are answered all or not at all; those without numbers come last.

    Source: El-Yaniv and Wiener, "On the foundations of noise-free selective classification" (2010), section 2.

    Returns:
        Coverage, rising to 1, and risk, both `(M,)`, one for each confidence there is.
    """
    sure = np.where(np.isnan(confidence), -1.0, confidence)
    order = np.argsort(-sure, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(sure[order]) != 0, True)) if len(order) else order
    wrong = np.cumsum(~right.astype(bool)[order])[ends]
    return (ends + 1) / max(1, len(order)), wrong / (ends + 1)


def balanced_accuracy(true: Numbers, right: Numbers) -> float:
    """The mean of the accuracies of the classes that have images."""
    images = np.bincount(true)
    there = images > 0
    return _mean(np.bincount(true, right.astype(np.float64))[there] / images[there])


def scaled(logs: Numbers, temperature: float) -> Numbers:
    """Log-probabilities of a softmax of `logs / temperature`; of those of a softmax, as if its logits were divided."""

    def of_part(part: Numbers) -> Numbers:
        cooled = np.maximum(part, _NOTHING) / temperature
        cooled = cooled - cooled.max(axis=1, keepdims=True)
        return cooled - np.log(np.exp(cooled).sum(axis=1, keepdims=True))

    return _by_row(logs, of_part)


def best_temperature(logs: Numbers, true: Numbers) -> float | None:
    """The temperature with the least negative log-likelihood, within `COLDEST` and `HOTTEST`.

    By Newton's method in 1 / temperature, in which that is convex, with bisection where a step leads too far.

    Source: Guo et al. (2017), section 4.2.

    Returns:
        One of the two bounds where the data set none, as where all images are right; None where there are no images,
        or some without numbers, or a true class of probability 0, which no temperature mends.
    """
    own = logs[np.arange(len(true)), true]
    if not len(true) or np.isnan(logs).any() or np.isneginf(own).any():
        return None
    low, high = 1 / HOTTEST, 1 / COLDEST
    if _slope(logs, own, high)[0] <= 0:
        return COLDEST
    if _slope(logs, own, low)[0] >= 0:
        return HOTTEST
    inverse = 1.0
    for _ in range(_MOST_TURNS):
        slope, curvature = _slope(logs, own, inverse)
        low, high = (inverse, high) if slope < 0 else (low, inverse)
        step = inverse - slope / curvature if curvature > 0 else math.inf
        before, inverse = inverse, step if low < step < high else math.sqrt(low * high)
        if abs(inverse - before) <= 1e-9 * before:
            break
    return 1 / inverse


def _slope(logs: Numbers, own: Numbers, inverse: float) -> tuple[float, float]:
    """First and second derivative of the negative log-likelihood by 1 / temperature."""

    def of_part(part: Numbers) -> Numbers:
        part = np.maximum(part, _NOTHING)
        weights = np.exp(scaled(part, 1 / inverse))
        mean = (weights * part).sum(axis=1)
        return np.stack([mean, (weights * (part - mean[:, None]) ** 2).sum(axis=1)], axis=1)

    mean, variance = _by_row(logs, of_part).T
    return float((mean - own).mean()), float(variance.mean())


def _by_row(logs: Numbers, of_part: Callable[[Numbers], Numbers]) -> Numbers:
    """What `of_part` makes of all rows, some at a time."""
    rows = max(1, _AT_ONCE // max(1, logs.shape[1]))
    first = of_part(logs[:rows])
    if len(logs) <= rows:
        return first
    found = np.empty((len(logs), *first.shape[1:]), first.dtype)
    found[:rows] = first
    for begin in range(rows, len(logs), rows):
        found[begin : begin + rows] = of_part(logs[begin : begin + rows])
    return found


def _mean(values: Numbers) -> float:
    return float(values.mean()) if len(values) else math.nan
