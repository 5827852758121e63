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
    """Mean and sample standard deviation of a metric by epoch, counted from 1, over the runs that have it there."""
    values: dict[int, list[float]] = {}
    for rows in runs:
        last = {int(row["epoch"]) + 1: row[metric] for row in rows if metric in row}
        for epoch, value in last.items():
            values.setdefault(epoch, []).append(value)
    return {epoch: figure for epoch in sorted(values) if (figure := Figure.of(values[epoch]))}


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
