"""Where a job of a stack was stopped, so that those of one place go on together. Imports no torch unless there is one.

A stack computes a loss, and with some losses a gradient, in another order than a run alone, so that the last digits
differ. A job that was begun in a stack therefore goes on in one, if need be alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from groundup.errors import UserError
from groundup.rundir.directory import is_running
from groundup.rundir.identity import STACKED
from groundup.rundir.names import LAST


@dataclass(frozen=True)
class Position:
    """Steps taken, whole epochs among them, and batches of the next."""

    step: int
    epoch: int
    batch: int


BEGINNING = Position(0, 0, 0)


def position_of(run_dir: Path) -> Position | None:
    """Where the job of this directory goes on in a stack; None where it was begun alone, or cannot go on at all."""
    if not (run_dir / LAST).is_file() or is_running(run_dir):
        return None
    from groundup.learning.checkpoint import load_checkpoint

    try:
        checkpoint = load_checkpoint(run_dir / LAST)
        if not checkpoint.get(STACKED):
            return None
        epochs = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
        return Position(checkpoint["global_step"], epochs, checkpoint["progress"]["batch"])
    except (UserError, KeyError, TypeError):  # the job says so itself when it is begun alone
        return None
