"""What became of a run, read from its directory: the files are the truth, whatever ended the process that ran it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groundup.files import UNFINISHED
from groundup.rundir.directory import is_running
from groundup.rundir.names import (
    CHECKPOINTS,
    CONFIG,
    EVENTS,
    LAST,
    LOCK,
    MEASURED,
    METRICS,
    PREDICTIONS,
    PROJECTOR,
    PROJECTOR_CONFIG,
    PRUNED,
    RANGE_CURVE,
    RANGE_PICTURE,
    RESULTS,
    TRACKERS,
)
from groundup.rundir.results import DONE, read_results

LR_RANGE = "lr_range"  # the `kind` in the results of a run that trained nothing
RANGE_TEST = "range test"

# What a run writes. Anything else in its directory is the user's own.
WRITTEN = (
    *(CONFIG, RESULTS, METRICS, *PREDICTIONS.values(), CHECKPOINTS, EVENTS, PRUNED, TRACKERS, MEASURED),
    *(RANGE_CURVE, RANGE_PICTURE),
    *(PROJECTOR, PROJECTOR_CONFIG, f"*{UNFINISHED}", LOCK),
)


@dataclass(frozen=True)
class JobState:
    """What it came to, and why.

    Attributes:
        status: `finished`, `range test`, `pruned`, `failed`, `interrupted`, `running`, `killed` (it left no results) or
            `not run`.
    """

    status: str
    reason: str = ""
    results: dict[str, Any] = field(default_factory=dict)
    checkpoint: Path | None = None  # to go on from

    @property
    def ended(self) -> bool:
        return self.is_done or self.status == "failed"

    @property
    def is_done(self) -> bool:
        """Whether it has come to the end that it was to have."""
        return self.status in (*DONE, RANGE_TEST)


def read_state(run_dir: Path) -> JobState:
    """What became of the job of this directory."""
    results = read_results(run_dir)
    status, reason = results.get("status"), one_line(results.get("error") or "")
    if status == "pruned":
        return JobState(status, one_line(results.get("reason") or ""), results)
    if status == "finished" and results.get("kind") == LR_RANGE:
        rate = results.get("suggested_lr")
        return JobState(RANGE_TEST, f"suggests optimizer.lr={rate:.2g}" if isinstance(rate, float) else "", results)
    if status in ("finished", "failed"):
        return JobState(status, reason, results)
    checkpoint = run_dir / LAST if (run_dir / LAST).is_file() else None
    if is_running(run_dir):
        return JobState("running", results=results, checkpoint=checkpoint)
    if status == "interrupted":
        return JobState("interrupted", reason, results, checkpoint)
    if (run_dir / RESULTS).exists() and not results:
        return JobState("killed", f"its {RESULTS} cannot be read", checkpoint=checkpoint)
    if (run_dir / CONFIG).exists():
        return JobState("killed", "it left no results", results, checkpoint)
    return JobState("not run")


def never_began(run_dir: Path) -> bool:
    """Whether a run failed before its first step, so that nothing of it is worth keeping but the log."""
    results = read_results(run_dir)
    began = results.get("steps") or (run_dir / LAST).exists()
    return results.get("status") == "failed" and not began


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
