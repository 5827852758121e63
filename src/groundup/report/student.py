"""Student's t distribution, of a whole number of degrees of freedom."""

from __future__ import annotations

import math


def student_t(confidence: float, degrees: int) -> float:
    """The t that |T| stays below with a probability of `confidence`, of `degrees` degrees of freedom.

    The probability is a finite sum in the angle arctan(t / sqrt(degrees)), by which it is halved down to the last bit.

    Raises:
        ValueError: `confidence` is not between 0 and 1, or there are no degrees of freedom.
    """
    if not (0 < confidence < 1 and degrees >= 1):
        raise ValueError(f"confidence={confidence}, degrees={degrees}: must be between 0 and 1, and at least 1")
    low, high = 0.0, math.pi / 2
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if probability_within(middle, degrees) < confidence else (low, middle)
    return math.sqrt(degrees) * math.tan(low)


def probability_within(angle: float, degrees: int) -> float:
    """P(|T| < t) of t = sqrt(degrees) tan(angle).

    Source: M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions", 1964, 26.7.3 (odd) and 26.7.4 (even).
    """
    odd = degrees % 2
    term = math.cos(angle) if odd else 1.0
    terms = []
    for k in range(2 + odd, degrees + 1, 2):
        terms.append(term)
        term *= math.cos(angle) ** 2 * (k - 1) / k
    total = math.sin(angle) * math.fsum(terms)
    return 2 / math.pi * (angle + total) if odd else total
