"""Learning curves of several runs as one: mean and deviation at each epoch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from groundup.report.runs import Run
from groundup.rundir.epochs import curve_of
from groundup.rundir.figure import Figure


@dataclass(frozen=True)
class Band:
    """A metric by epoch, counted from 1: the epochs that all runs have which have it at all."""

    metric: str
    points: dict[int, Figure]

    @property
    def n(self) -> int:
        return next(iter(self.points.values())).n


def band(runs: Iterable[Run], metric: str) -> Band | None:
    """Mean and sample standard deviation of a metric, epoch by epoch; None where the runs have no epoch in common."""
    points = curve_of((run.epochs for run in runs), metric)
    return Band(metric, points) if points else None
