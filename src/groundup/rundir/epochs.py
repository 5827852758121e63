"""`metrics.csv` read back, and the curves of several runs as one: mean and deviation at each epoch."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from groundup.rundir.figure import Figure
from groundup.rundir.plain import MIB, Unreadable, read_text

METRICS_SIZE = 256 * MIB  # bytes


def read_epochs(file: Path) -> list[dict[str, float]]:
    """The rows of a `metrics.csv`, of what is a finite number; none where it cannot be read."""
    try:
        rows = [_numbers(row) for row in csv.DictReader(StringIO(read_text(file, METRICS_SIZE), newline=""))]
    except (Unreadable, csv.Error):
        return []
    return [row for row in rows if "epoch" in row]


def curve_of(runs: Iterable[Sequence[Mapping[str, float]]], metric: str) -> dict[int, Figure]:
    """Mean and sample standard deviation of a metric by epoch, counted from 1, over the runs that have it there."""
    values: dict[int, list[float]] = {}
    for rows in runs:
        last = {int(row["epoch"]) + 1: row[metric] for row in rows if metric in row}
        for epoch, value in last.items():
            values.setdefault(epoch, []).append(value)
    return {epoch: figure for epoch in sorted(values) if (figure := Figure.of(values[epoch]))}


def _numbers(row: dict[str | Any, Any]) -> dict[str, float]:
    numbers = {}
    for key, text in row.items():
        try:
            value = float(text)
        except (TypeError, ValueError):
            continue
        if math.isfinite(value):
            numbers[str(key)] = value
    return numbers
