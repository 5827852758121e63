"""For notebooks: sweeps by the command that a reader would type, and what they wrote, as arrays."""

from __future__ import annotations

import csv
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from groundup.paths import find_checkout, home, unique_name
from groundup.rundir.figure import Figure
from groundup.rundir.folders import is_folder_of
from groundup.rundir.names import METRICS, TABLES

Floats = NDArray[np.float64]


class Grid(NamedTuple):
    """A figure by two settings: mean and standard deviation over jobs `(rows, columns)`, NaN where there is none."""

    rows: list[str]
    columns: list[str]
    mean: Floats
    sd: Floats


@dataclass(frozen=True)
class Sweep:
    """What a sweep's `sweep.json` holds.

    Attributes:
        folder: of the sweep.
        configurations: jobs that differ in the seed and the fold alone, taken together, best first by validation.
        jobs: in the order of the command line; each names its run directory in `folder`.
    """

    folder: Path
    configurations: list[dict[str, Any]]
    jobs: list[dict[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> Sweep:
        table = json.loads((folder / TABLES[0]).read_text())
        return cls(folder, table["configurations"], table["jobs"])

    def values(self, key: str) -> list[str]:
        """The values of a setting, in the order in which they were typed, of the jobs that it was typed for.

        Raises:
            KeyError: it varied in none.
        """
        found = list(dict.fromkeys(job["values"][key] for job in self.jobs if key in job["values"]))
        if not found:
            raise KeyError(key)
        return found

    def figure(self, values: Mapping[str, str], name: str = "val/acc") -> Figure:
        """A figure of the first configuration that has these values; NaN where none has, or none of its jobs finished.

        Args:
            values: of settings, as they were typed.
            name: `val/acc`, `test/acc`, `test/loss`, `train_seconds` or `parameters`.
        """
        for configuration in self.configurations:
            if values.items() <= configuration["values"].items() and (found := configuration[name]):
                return Figure(found["mean"], np.nan if found["sd"] is None else found["sd"], found["n"])
        return Figure(np.nan, np.nan, 0)

    def grid(self, rows: str, columns: str, figure: str = "val/acc") -> Grid:
        """A figure of the configurations by two settings, which are all that varied but the seed."""
        row_values, column_values = self.values(rows), self.values(columns)
        figures = [[self.figure({rows: r, columns: c}, figure) for c in column_values] for r in row_values]
        mean, sd = (np.array([[cell[i] for cell in row] for row in figures]) for i in (0, 1))
        return Grid(row_values, column_values, mean, sd)

    def curves(self, metric: str, values: Mapping[str, str]) -> Floats:
        """A column of `metrics.csv`, `(seeds, epochs)`, of the finished jobs that have these values."""
        rows = []
        for job in self.jobs:
            if job["status"] == "finished" and values.items() <= job["values"].items():
                rows.append(read_metrics(self._run_dir(job))[metric])
        return np.array(rows)

    def _run_dir(self, job: Mapping[str, Any]) -> Path:
        """Of a table that somebody else may have written: a folder of the sweep and no other."""
        name = job.get("folder", str(job["job"]))
        if not isinstance(name, str) or not is_folder_of(name, job["job"]):
            raise ValueError(f"{TABLES[0]}: job {job['job']} has the folder {name!r}, which is no name of its own")
        return self.folder / name


def sweep(*words: str, folder: str | Path | None = None) -> Sweep:
    """Runs `OMP_NUM_THREADS=1 python train.py -m WORDS`, in a process of its own, and reads its table.

    One thread, unless the environment says otherwise: more do not help small nets, and figures depend on their number.

    Args:
        words: of the command line.
        folder: of the sweep; None makes one in `outputs/sweeps/` of the checkout, or of the current folder.

    Raises:
        RuntimeError: the sweep did not begin, with what it said. Single jobs may fail: their figures are missing.
    """
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    spelling, command = _train()
    print(f"$ OMP_NUM_THREADS={threads} {spelling} {shlex.join(['-m', *words])}", flush=True)
    folder = Path(folder or home().outputs / "sweeps" / unique_name())
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command, "-m", *words, f"hydra.sweep.dir={folder}"],
        env={**os.environ, "OMP_NUM_THREADS": threads},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if not (folder / TABLES[0]).exists():
        raise RuntimeError(f"exit code {done.returncode}: {done.stderr.strip()}")
    found = Sweep.read(folder)
    finished = sum(job["status"] == "finished" for job in found.jobs)
    print(f"{finished} of {len(found.jobs)} jobs finished, {time.perf_counter() - start:.0f} s")
    return found


def _train() -> tuple[str, list[str]]:
    """The command as a reader would type it, and what Python is given."""
    if checkout := find_checkout():
        return "python train.py", [str(checkout / "train.py")]
    return "groundup train", ["-m", "groundup", "train"]


def read_metrics(run_dir: Path) -> dict[str, Floats]:
    """The columns of a run's `metrics.csv`, `(epochs,)` each; NaN where a cell is empty."""
    with (run_dir / METRICS).open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}
