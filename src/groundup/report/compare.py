"""Two configurations compared over the seeds that both have run with."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from groundup.report.configurations import Entry
from groundup.rundir.table import number_in

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Comparison:
    """The differences of a metric, first less second, seed by seed.

    Attributes:
        pairs: by seed, the values of both.
        mean: of the differences.
        interval: for that mean, at `CONFIDENCE`; None with fewer than two seeds.
    """

    first: Entry
    second: Entry
    metric: str
    pairs: dict[int, tuple[float, float]]
    mean: float
    sd: float | None
    interval: tuple[float, float] | None

    @property
    def n(self) -> int:
        return len(self.pairs)


def compare(first: Entry, second: Entry, metric: str) -> Comparison | None:
    """Compares two configurations; None where they have no seed in common with this metric."""
    ones, others = _by_seed(first, metric), _by_seed(second, metric)
    pairs = {seed: (ones[seed], others[seed]) for seed in sorted(ones.keys() & others.keys())}
    if not pairs:
        return None
    differences = [one - other for one, other in pairs.values()]
    sd = statistics.stdev(differences) if len(differences) > 1 else None
    return Comparison(
        first, second, metric, pairs, statistics.mean(differences), sd, paired_interval(differences, CONFIDENCE)
    )


def paired_interval(differences: Sequence[float], confidence: float) -> tuple[float, float] | None:
    """Student's interval for the mean of paired differences: mean ± t sd / sqrt(n), with n - 1 degrees of freedom.

    None of fewer than two.
    """
    n = len(differences)
    if n < 2:
        return None
    from scipy.special import stdtrit  # scipy.stats takes a second to import

    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * statistics.stdev(differences) / math.sqrt(n)
    mean = statistics.mean(differences)
    return mean - half, mean + half


def _by_seed(entry: Entry, metric: str) -> dict[int, float]:
    """Of runs with one seed, their mean: they are no further evidence."""
    values: dict[int, list[float]] = {}
    for run in entry.finished:
        value = number_in(run.state.results, metric)
        if value is not None and run.seed is not None:
            values.setdefault(run.seed, []).append(value)
    return {seed: statistics.mean(same) for seed, same in values.items()}
