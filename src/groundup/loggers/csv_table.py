"""Lightning's CSVLogger: a row for every call of `log_metrics`, in a folder of its own."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger

from groundup.errors import UserError
from groundup.loggers.keeper import Beginning, Keeper, Place
from groundup.rundir.names import METRICS  # which is CSVLogger's name for its file, too


class CSVKeeper(Keeper):
    """In the run directory it goes on in one file, without a folder for every part of the run."""

    def arguments(self, node: Mapping[str, Any], place: Place) -> dict[str, Any]:
        return {"save_dir": str(place.run_dir)} | ({} if node.get("save_dir") else {"version": ""})

    def begin(self, logger: CSVLogger, run: Beginning, place: Place) -> None:  # type: ignore[override]
        """CSVLogger begins by deleting the file that is there.

        Raises:
            UserError: that is the run's own, or another run's.
        """
        file = Path(logger.log_dir) / METRICS
        if file.parent.resolve() == place.run_dir.resolve():
            raise UserError(f"{place.key}: it would write {file}, the run's own; give it another folder")
        its_own = place.goes_on or place.run_dir.resolve() in file.resolve().parents
        if file.exists() and not its_own:
            raise UserError(
                f"{place.key}: it would write over {file}; give it another save_dir, name or version, or leave "
                "save_dir out for the run directory"
            )
        earlier = _rows_until(file, place.first_step)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Experiment logs directory")  # that it deletes it: it does not, here
            logger.experiment.metrics.extend(earlier)
        super().begin(logger, run, place)
        logger.save()


def _rows_until(file: Path, step: int) -> list[dict[str, Any]]:
    """What an earlier part of the run has written of steps that are not trained again; damaged lines are left out."""
    if not step or not file.is_file():
        return []
    with file.open(newline="", errors="replace") as lines:
        rows = [{name: cell for name, cell in row.items() if name and cell} for row in csv.DictReader(lines)]
    return [row for row in rows if str(row.get("step", "")).isdigit() and int(row["step"]) <= step]
