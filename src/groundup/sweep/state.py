"""What became of a job, read from its directory: the files are the truth, whatever ended the process that ran it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from groundup.results import FILE as RESULTS
from groundup.results import read_results
from groundup.resume import LAST, is_running

# What a run writes. Anything else in its directory is the user's own.
WRITTEN = ("config.yaml", RESULTS, "metrics.csv", "checkpoints", "events.out.tfevents.*", "*.partial", ".lock")


@dataclass(frozen=True)
class JobState:
    """`finished`, `failed`, `interrupted`, `running`, `killed` (it left no results) or `not run`; and why."""

    status: str
    reason: str = ""
    results: dict[str, Any] = field(default_factory=dict)
    checkpoint: Path | None = None  # to go on from

    @property
    def ended(self) -> bool:
        return self.status in ("finished", "failed")


def read_state(run_dir: Path) -> JobState:
    """What became of the job of this directory."""
    results = read_results(run_dir)
    status, reason = results.get("status"), one_line(results.get("error") or "")
    if status in ("finished", "failed"):
        return JobState(status, reason, results)
    checkpoint = run_dir / LAST if (run_dir / LAST).is_file() else None
    if is_running(run_dir):
        return JobState("running", results=results, checkpoint=checkpoint)
    if status == "interrupted":
        return JobState("interrupted", reason, results, checkpoint)
    if (run_dir / RESULTS).exists() and not results:
        return JobState("killed", f"its {RESULTS} cannot be read", checkpoint=checkpoint)
    if (run_dir / "config.yaml").exists():
        return JobState("killed", "it left no results", results, checkpoint)
    return JobState("not run")


def one_line(text: str) -> str:
    return " ".join(str(text).split())


def clean(run_dir: Path) -> None:
    """Removes what an earlier attempt at a job has left, but for its log."""
    for pattern in WRITTEN:
        for path in run_dir.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def discard_if_unused(run_dir: Path) -> None:
    """Removes the directory of a job that did not begin: Hydra has made it, with an empty log."""
    files = list(run_dir.iterdir())
    if all(file.suffix == ".log" and not file.stat().st_size for file in files):
        shutil.rmtree(run_dir)


class Tally:
    """How many jobs of a sweep have ended, in whatever process. Looks at each that has but once."""

    def __init__(self, sweep_dir: Path, numbers: range):
        self.sweep_dir = sweep_dir
        self._open = list(numbers)
        self._ended: dict[str, int] = {"finished": 0, "failed": 0}

    def look(self) -> Tally:
        """Looks again at the jobs that had not ended."""
        still_open = []
        for number in self._open:
            status = read_results(self.sweep_dir / str(number)).get("status")
            if status in self._ended:
                self._ended[status] += 1
            else:
                still_open.append(number)
        self._open = still_open
        return self

    @property
    def ended(self) -> int:
        return sum(self._ended.values())

    @property
    def failed(self) -> int:
        return self._ended["failed"]


@lru_cache(maxsize=1)
def tally_of(sweep_dir: Path, jobs: int, began: float) -> Tally:
    """The tally of this process of a sweep that began, or went on, at that time."""
    return Tally(sweep_dir, range(jobs))
