"""`metrics.csv` read back, and the curves of several runs as one: mean and deviation at each epoch."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path

from groundup.rundir.figure import Figure
from groundup.rundir.names import METRICS
from groundup.rundir.plain import MIB, Unreadable, read_text

METRICS_SIZE = 256 * MIB  # bytes


def read_epochs(file: Path) -> list[dict[str, float]]:
    """The rows of a `metrics.csv`, of what is a finite number; none where it cannot be read."""
    found = []
    for row in _rows(file):
        numbers = {str(key): value for key, text in row.items() if (value := _number(text)) is not None}
        finite = {key: value for key, value in numbers.items() if math.isfinite(value)}
        if "epoch" in finite:
            found.append(finite)
    return found


def figure_by_epoch(run_dir: Path, name: str) -> dict[int, float]:
    """A figure after each epoch that has one, by the number of epochs trained, from 1; none where nothing is there.

    NaN and infinity are figures, unlike in `read_epochs`: who compares runs while they train sees who has diverged.
    """
    pairs = [(_number(row.get("epoch")), _number(row.get(name))) for row in _rows(run_dir / METRICS)]
    return {
        int(epoch) + 1: figure
        for epoch, figure in pairs
        if epoch is not None and figure is not None and math.isfinite(epoch) and epoch >= 0
    }


def curve_of(runs: Iterable[Sequence[Mapping[str, float]]], metric: str) -> dict[int, Figure]:
    """Mean and sample standard deviation of a metric by epoch, counted from 1, over the runs that have it at all.

    An epoch that some of them lack is left out: those that stopped there, or whose value was no finite number, differ
    from the others, and the mean of the rest would be no mean of the configuration.
    """
    values = [{int(row["epoch"]) + 1: row[metric] for row in rows if metric in row} for rows in runs]
    values = [of_run for of_run in values if of_run]
    common = set.intersection(*map(set, values)) if values else ()
    figures = {epoch: Figure.of([of_run[epoch] for of_run in values]) for epoch in sorted(common)}
    return {epoch: figure for epoch, figure in figures.items() if figure}


def _rows(file: Path) -> Iterator[Mapping[str | None, object]]:
    """As they are written; those before a damaged line, none where nothing can be read."""
    try:
        yield from csv.DictReader(StringIO(read_text(file, METRICS_SIZE), newline=""))
    except (Unreadable, csv.Error):
        return


def _number(text: object) -> float | None:
    try:
        return float(text) if isinstance(text, str) else None
    except ValueError:
        return None
