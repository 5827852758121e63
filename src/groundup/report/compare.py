"""Two configurations compared over the seeds that both have run with."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from groundup.report.configurations import Entry
from groundup.report.student import student_t
from groundup.rundir.figure import Figure, number_in
from groundup.rundir.replicates import Replicate, replicate_of

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Comparison:
    """The differences of a metric, first less second, seed by seed.

    Attributes:
        pairs: by seed, the values of both.
        difference: their mean and deviation.
        interval: for that mean, at `CONFIDENCE`; None with fewer than two seeds.
    """

    first: Entry
    second: Entry
    metric: str
    pairs: dict[int, tuple[float, float]]
    difference: Figure
    interval: tuple[float, float] | None


def compare(first: Entry, second: Entry, metric: str) -> Comparison | None:
    """Compares two configurations; None where they have no seed in common with this metric."""
    ones, others = _by_replicate(first, metric), _by_replicate(second, metric)
    if _number_of_folds(first) == _number_of_folds(second):  # each fold against the same one
        common = ones.keys() & others.keys()
        ones, others = ({each: values[each] for each in common} for values in (ones, others))
    of_ones, of_others = _by_seed(ones), _by_seed(others)
    pairs = {seed: (of_ones[seed], of_others[seed]) for seed in sorted(of_ones.keys() & of_others.keys())}
    differences = [one - other for one, other in pairs.values()]
    found = Figure.of(differences)
    return Comparison(first, second, metric, pairs, found, paired_interval(differences, CONFIDENCE)) if found else None


def paired_interval(differences: Sequence[float], confidence: float) -> tuple[float, float] | None:
    """Student's interval for the mean of paired differences: mean ± t sd / sqrt(n), with n - 1 degrees of freedom.

    None of fewer than two.
    """
    found = Figure.of(differences)
    if found is None or found.sd is None:
        return None
    half = student_t(confidence, found.n - 1) * found.sd / math.sqrt(found.n)
    return found.mean - half, found.mean + half


def _by_replicate(entry: Entry, metric: str) -> dict[Replicate, float]:
    """Of runs with one seed, and one fold, their mean: they are no further evidence."""
    values: dict[Replicate, list[float]] = {}
    for run in entry.finished:
        value = number_in(run.state.results, metric)
        if value is not None and run.seed is not None:
            values.setdefault(replicate_of(run.config)._replace(seed=run.seed), []).append(value)
    return {replicate: statistics.mean(same) for replicate, same in values.items()}


def _by_seed(values: Mapping[Replicate, float]) -> dict[int, float]:
    """The folds of a seed share training images: together they are one observation, their mean."""
    seeds: dict[int, list[float]] = {}
    for replicate, value in values.items():
        assert replicate.seed is not None
        seeds.setdefault(replicate.seed, []).append(value)
    return {seed: statistics.mean(folds) for seed, folds in seeds.items()}


def _number_of_folds(entry: Entry) -> int | None:
    return entry.row.folds.of if entry.row.folds else None
