"""`metrics.csv`: one row an epoch."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from groundup.learning.learner import Learner


class MetricsCSV(Callback):
    """Appends `epoch, step, seconds, lr` and every metric of the epoch to `metrics.csv` in the run directory.

    `seconds` counts from the start of training, over all parts of a resumed run.
    """

    def on_train_start(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        self._keep_rows_before(trainer, trainer.current_epoch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        row: dict[str, Any] = {
            "epoch": trainer.current_epoch,
            "step": trainer.global_step,
            "seconds": round(pl_module.train_seconds, 3),
            "lr": pl_module.rate,
            **pl_module.train_metrics(),  # before rank_zero_only: every process takes part in the sum
            **pl_module.val_metrics,
        }
        self._append(_path(trainer), row)

    @staticmethod
    @rank_zero_only
    def _append(path: Path, row: dict[str, Any]) -> None:
        rows = _read(path)
        if rows and list(rows[0]) == list(row):
            with path.open("a", newline="") as file:
                csv.DictWriter(file, row).writerow(row)
        else:  # the first row, or a metric that was not there before
            _write(path, [*rows, row])

    @staticmethod
    @rank_zero_only
    def _keep_rows_before(trainer: Trainer, epoch: int) -> None:
        """Drops what a stopped run wrote of epochs that are trained again."""
        path = _path(trainer)
        rows = _read(path)
        kept = [row for row in rows if int(row["epoch"]) < epoch]
        if len(kept) < len(rows):
            _write(path, kept)


def _path(trainer: Trainer) -> Path:
    return Path(trainer.default_root_dir) / "metrics.csv"


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        if names:
            writer.writeheader()
        writer.writerows(rows)
    os.replace(partial, path)
