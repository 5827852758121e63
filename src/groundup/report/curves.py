"""Learning curves of several runs as one: mean and deviation at each epoch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from groundup.report.runs import Run
from groundup.rundir.figure import Figure


@dataclass(frozen=True)
class Band:
    """A metric by epoch, counted from 1, over the runs that have it there."""

    metric: str
    points: dict[int, Figure]

    @property
    def n(self) -> int:
        return max(figure.n for figure in self.points.values())


def band(runs: Iterable[Run], metric: str) -> Band | None:
    """Mean and sample standard deviation of a metric over runs, epoch by epoch; None where no run has it."""
    values: dict[int, list[float]] = {}
    for run in runs:
        last = {int(row["epoch"]) + 1: row[metric] for row in run.epochs if metric in row}
        for epoch, value in last.items():
            values.setdefault(epoch, []).append(value)
    points = {epoch: figure for epoch in sorted(values) if (figure := Figure.of(values[epoch]))}
    return Band(metric, points) if points else None
