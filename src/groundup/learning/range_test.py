"""The learning-rate range test: the loss while the rate rises, and which rate it speaks for.

Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (2015), section 3.3; the loss against a rate that
rises exponentially, and when to stop, as in fast.ai's `lr_find`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

MEMORY = 0.9  # of the running mean that says when to stop
DIVERGED = 4  # times its smallest value
FEWEST = 20  # steps that say anything; the first of them are the loss before anything is learnt
AROUND = 5  # steps before and after one, of the smoothed loss
LEARNT = 0.9  # of the fall of the loss


@dataclass(frozen=True)
class Rising:
    """The factor of a rate that rises exponentially from the first step to the last.

    Args:
        first: the factor of the first step.
        last: of the last one.
    """

    first: float
    last: float

    def __call__(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        return self.first * (self.last / self.first) ** (step / max(1, total_steps - 1))


@dataclass
class RangeTest:
    """Rates and losses, one of each a step.

    Attributes:
        rates: of the steps.
        losses: of their batches, before each step.
    """

    rates: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    _running: list[float] = field(default_factory=list)
    _sum: float = 0.0

    def add(self, rate: float, loss: float) -> None:
        """Takes in a step."""
        self.rates.append(rate)
        self.losses.append(loss)
        self._sum = MEMORY * self._sum + (1 - MEMORY) * loss
        self._running.append(self._sum / (1 - MEMORY ** len(self.losses)))

    @property
    def has_diverged(self) -> bool:
        """Whether the loss is no number any more, or its running mean far above the smallest value of that."""
        last = self._running[-1]
        return not math.isfinite(last) or (len(self.losses) >= FEWEST and last > DIVERGED * min(self._running))

    @property
    def smoothed(self) -> list[float]:
        """Of each step the mean loss of those around it; fewer at the ends."""
        return smooth(self.losses)

    def suggestion(self) -> float | None:
        """The rate to train with; None where the loss did not fall."""
        finite = [loss for loss in self.losses if math.isfinite(loss)]
        return suggest(self.rates[: len(finite)], smooth(finite))


def smooth(losses: Sequence[float]) -> list[float]:
    """Of each step the mean loss of those around it; fewer at the ends."""
    windows = [losses[max(0, step - AROUND) : step + AROUND + 1] for step in range(len(losses))]
    return [math.fsum(window) / len(window) for window in windows]


def suggest(rates: Sequence[float], smoothed: Sequence[float]) -> float | None:
    """The middle, on a logarithmic scale, of the rates with which a network learns.

    They begin where the loss has come nine tenths of its way down, and end where it is back at its first value, or with
    the test.

    Args:
        rates: rising.
        smoothed: losses, all finite.
    """
    if len(smoothed) < FEWEST:
        return None
    first = math.fsum(smoothed[:FEWEST]) / FEWEST
    lowest = min(range(len(smoothed)), key=smoothed.__getitem__)
    if not smoothed[lowest] < min(smoothed[:FEWEST]):
        return None
    learnt = first - LEARNT * (first - smoothed[lowest])
    begins = next(rate for rate, loss in zip(rates, smoothed, strict=True) if loss <= learnt)
    after = zip(rates[lowest:], smoothed[lowest:], strict=True)
    ends = next((rate for rate, loss in after if loss > first), rates[-1])
    return math.sqrt(begins * ends)
