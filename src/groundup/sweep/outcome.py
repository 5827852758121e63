"""What a sweep has come to: its table, its verdict and its curves, shown and written however it ends."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from groundup.command.tell import tell
from groundup.config.spelling import alike
from groundup.errors import Interrupted, SweepFailed, UserError
from groundup.rundir.jobs import FrozenJob
from groundup.rundir.rendering import as_text, write_table
from groundup.rundir.results import DONE
from groundup.rundir.state import one_line, read_state
from groundup.rundir.table import Table, make_table
from groundup.sweep.means import write_means


def resuming(sweep_dir: Path) -> str:
    """The word that goes on with a sweep, to be copied to a shell."""
    return shlex.quote(f"sweep.resume={sweep_dir}")


@contextmanager
def reported(sweep_dir: Path, jobs: Sequence[FrozenJob], hint: str) -> Iterator[None]:
    """Shows and writes the table of what was run inside, however that ends; `hint`: what to do where a job failed.

    Raises:
        SweepFailed: not all jobs have finished.
    """
    last_line = f"sweep directory: {sweep_dir}"
    try:
        with _stopping_on_sigterm():
            yield
    except (Interrupted, KeyboardInterrupt):
        last_line = f"interrupted; go on with the same command and {resuming(sweep_dir)}"
        raise
    except (UserError, HydraException, OmegaConfBaseException):  # what was asked of the launcher
        raise
    except Exception as error:  # a worker that was killed, say
        reason = f"{type(error).__name__}: {one_line(str(error))}"
        raise SweepFailed(f"the launcher failed: {reason}; go on with {resuming(sweep_dir)}") from error
    finally:
        written = _show_table(sweep_dir, jobs)
        tell(f"\n{last_line}")
    _raise_if_not_all_finished(sweep_dir, jobs, hint)
    if not written:
        raise SweepFailed(f"all jobs have finished; the table is written again with {resuming(sweep_dir)}")


def _show_table(sweep_dir: Path, jobs: Sequence[FrozenJob]) -> bool:
    """In the terminal whatever happens; whether the files could be written too."""
    from groundup.rundir.verdict import judge_sweep  # SciPy is imported here, and not where a word was misspelt
    from groundup.rundir.verdict_words import as_data

    table, problem = make_table(sweep_dir, jobs, alike), ""
    verdict, said = None, ""
    try:
        found = judge_sweep(sweep_dir, table)
        verdict = as_data(found) if found else None
    except Exception as error:  # of any kind: what is in a directory may be anybody's, and the table is without it
        said = f"there is no verdict: {type(error).__name__}: {one_line(str(error))}"
    try:
        write_table(sweep_dir, table, verdict)
    except OSError as error:
        problem = f"\n\nthe table cannot be written: {error}"
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    tell(f"\n{as_text(table, width, verdict=verdict['text'] if verdict else said)}{problem}")
    _draw_means(sweep_dir, table)
    return not problem


def _draw_means(sweep_dir: Path, table: Table) -> None:
    """Curves are an addition: a sweep whose table is there does not fail for them."""
    try:
        write_means(sweep_dir, table)
    except Exception as error:  # of any kind: what is in a directory may be anybody's
        tell(f"\nthe mean curves for TensorBoard are not written: {type(error).__name__}: {one_line(str(error))}")


@contextmanager
def _stopping_on_sigterm() -> Iterator[None]:
    """SIGTERM between two jobs, or while other processes run them, ends the sweep as it ends a run."""

    def stop(signum: int, frame: Any) -> None:
        raise Interrupted(signum)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise_if_not_all_finished(sweep_dir: Path, jobs: Sequence[FrozenJob], hint: str) -> None:
    statuses = [read_state(sweep_dir / job.folder).status for job in jobs]
    counts = {status: statuses.count(status) for status in dict.fromkeys(statuses) if status not in DONE}
    if counts:
        words = ", ".join(f"{count} {status}" for status, count in counts.items())
        raise SweepFailed(f"of {len(jobs)} jobs: {words}; {hint}")
