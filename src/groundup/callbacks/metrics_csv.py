"""`metrics.csv`: one row an epoch."""

from __future__ import annotations

import csv
import itertools
import logging
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Checkpoint

from groundup.borrowed.lightning import logged_in_training, logged_in_validation
from groundup.files import write_csv, write_whole
from groundup.learning.companion import OF_OTHER_SPLITS, course_of
from groundup.learning.learner import Learner
from groundup.rundir.names import METRICS

log = logging.getLogger(__name__)

Row = dict[str, Any]


class MetricsCSV(Checkpoint):
    """Writes `epoch, step, seconds, lr` and every metric of each epoch to `metrics.csv` in the run directory.

    Metrics are those of `train_metrics` and of validation, and what else a module or a callback logs of a whole epoch
    by `LightningModule.log`: so it is a Checkpoint to Lightning, which comes after the module's own hook.

    `seconds` counts from the start of training, over all parts of a resumed run. Where an epoch is validated more than
    once, the row has what the last validation in it came to.

    It is a log, which no run ends because of: of a damaged one, a run that goes on keeps the rows that can be read, and
    the file as it was under another name.
    """

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._validated: tuple[int, Row] = (-1, {})  # the epoch of the last validation, and all that was logged in it

    def on_train_start(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        if trainer.is_global_zero:
            self._rows = _go_on(_path(trainer), trainer.current_epoch)

    def on_validation_end(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        if not trainer.sanity_checking:
            self._validated = trainer.current_epoch, logged_in_validation(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        course = course_of(trainer, pl_module)
        row: Row = {
            "epoch": trainer.current_epoch,
            "step": trainer.global_step,
            "seconds": round(course.progress.seconds, 3),
            "lr": "" if course.rate is None else course.rate,
        }
        others = logged_in_training(trainer)  # every process takes part in the sum
        epoch, validated = self._validated
        others |= validated if epoch == trainer.current_epoch else {}
        for name, value in course.figures({**course.trained, **course.val_metrics, **others}).items():
            if not OF_OTHER_SPLITS["train"].match(name):
                row.setdefault(name, value)
        if trainer.is_global_zero:
            self._rows.append(row)
            _write(_path(trainer), self._rows)


def _path(trainer: Trainer) -> Path:
    return Path(trainer.default_root_dir) / METRICS


def _write(path: Path, rows: list[Row]) -> None:
    names = list(dict.fromkeys(itertools.chain.from_iterable(rows)))
    write_csv(path, [names, *([row.get(name, "") for name in names] for row in rows)] if rows else [])


def _go_on(path: Path, epoch: int) -> list[Row]:
    """The rows of the epochs before this one. Those that a stopped run wrote of epochs that are trained again go."""
    if not path.is_file():
        return []
    content = path.read_bytes()
    rows, unread = read_rows(content)
    kept = [row for row in rows if int(row["epoch"]) < epoch]
    numbers = [int(row["epoch"]) for row in kept]
    missing = set(range(min(numbers, default=0), epoch)) - set(numbers)  # it may have begun from another's checkpoint
    if unread or missing:
        aside = _free_name(path)
        write_whole(aside, content)
        log.warning(
            f"{METRICS} is damaged: {unread} of its lines cannot be read, {len(missing)} epochs have no row; "
            f"the damaged file is kept as {aside.name}"
        )
    _write(path, kept)
    return kept


def read_rows(content: bytes) -> tuple[list[Row], int]:
    """The rows of a `metrics.csv` that are whole, their cells as they stand there, and how many other lines it has."""
    first, *lines = content.decode("utf-8-sig", errors="replace").splitlines(keepends=True) or [""]
    names = _cells(first)
    rows: list[Row] = []
    for line in lines:
        row = _row(names, _cells(line)) if line.endswith("\n") else None  # else its last number may be cut off
        if row is not None and (not rows or int(rows[-1]["epoch"]) < int(row["epoch"])):
            rows.append(row)
    return rows, len(lines) - len(rows)


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line]), [])
    except csv.Error:  # too long for a cell, say
        return []


def _row(names: list[str], cells: list[str]) -> Row | None:
    row: Row = dict(zip(names, cells, strict=False))
    try:
        numbers = [float(cell or "nan") for cell in cells]
        return row if len(row) == len(names) == len(numbers) and int(row["epoch"]) >= 0 else None
    except (KeyError, ValueError):
        return None


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.stem}-damaged{number or ''}{path.suffix}") for number in itertools.count())
    return next(name for name in names if not name.exists())
