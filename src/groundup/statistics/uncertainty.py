"""How sure a mean is whose error has several sources: intervals and p-values."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95
LEAST = -100.0  # power of ten of the smallest p-value: beyond it squares of t have no number


@dataclass(frozen=True)
class Uncertainty:
    """The variance and the degrees of freedom of each source of error of an estimate; the sources are independent.

    The interval is the estimate ± sqrt(sum of t(degrees)^2 variance). Of one source it is Student's. Of several it
    covers at least as often as it says, whatever the true variances and at every level, which Satterthwaite's single
    number of degrees does not where a source has few.

    Source: S. K. Banerjee, "Approximate confidence interval for linear functions of means of k populations when the
    population variances are not equal", Sankhya 22, 1960.
    """

    terms: tuple[tuple[float, int], ...]

    def half_width(self, confidence: float = CONFIDENCE) -> float:
        """Half of the interval."""
        return self._reach((1 - confidence) / 2)

    def interval(self, estimate: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Both ends."""
        half = self.half_width(confidence)
        return estimate - half, estimate + half

    def p_value(self, estimate: float) -> float:
        """One less the confidence at which the interval ends at zero, two-sided; 1 of an estimate of zero."""
        if estimate == 0:
            return 1.0
        terms = [(variance, degrees) for variance, degrees in self.terms if variance > 0]
        if len(terms) == 1:
            [(variance, degrees)] = terms
            return float(2 * stdtr(degrees, -abs(estimate) / math.sqrt(variance)))
        low, high = LEAST, 0.0  # the power of ten
        while high - low > 1e-9:
            middle = (low + high) / 2
            low, high = (low, middle) if self._reach(10**middle / 2) < abs(estimate) else (middle, high)
        return 10**high

    def _reach(self, tail: float) -> float:
        """Half of the interval that leaves out `tail` at each end."""
        return math.sqrt(sum(float(stdtrit(degrees, tail)) ** 2 * variance for variance, degrees in self.terms))
