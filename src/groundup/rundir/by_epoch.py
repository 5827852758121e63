"""One figure of a run by epoch, from its `metrics.csv`: what those ask who look at other runs than their own."""

from __future__ import annotations

import csv
import math
from io import StringIO
from pathlib import Path

from groundup.rundir.epochs import METRICS_SIZE
from groundup.rundir.names import METRICS
from groundup.rundir.plain import Unreadable, read_text


def figure_by_epoch(run_dir: Path, name: str) -> dict[int, float]:
    """The figure after each epoch that has one, by the number of epochs trained, from 1; none where nothing is there.

    Lines that are damaged are left out. NaN and infinity are figures.
    """
    try:
        rows = csv.DictReader(StringIO(read_text(run_dir / METRICS, METRICS_SIZE), newline=""))
        return dict(pair for row in rows if (pair := _pair(row.get("epoch"), row.get(name))) is not None)
    except (Unreadable, csv.Error):
        return {}


def _pair(epoch: str | None, figure: str | None) -> tuple[int, float] | None:
    try:
        number, value = float(epoch or ""), float(figure or "")
        return (int(number) + 1, value) if math.isfinite(number) and number >= 0 else None
    except ValueError:
        return None
