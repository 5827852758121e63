"""Finds runs on disk: a run's directory, a sweep's, or any that holds some of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from groundup.errors import UserError
from groundup.report.runs import Run, read_config, read_run
from groundup.rundir.directory import is_config
from groundup.rundir.jobs import FrozenJob, read_jobs
from groundup.rundir.links import leads_out
from groundup.rundir.measured import with_measured
from groundup.rundir.names import JOBS, MEASURED, RESULTS

ACCEPTED = "accepted: directories of runs or sweeps, or what holds them, such as outputs/sweeps"


@dataclass(frozen=True)
class Found:
    """What there is to report.

    Attributes:
        runs: in the order of the paths given, each once.
        sweep: the directory of the one sweep that all of them are of.
        notes: what could not be read.
    """

    runs: list[Run]
    sweep: Path | None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Place:
    path: Path
    job: FrozenJob | None = None  # of a sweep
    sweep: Path | None = None


def find_runs(paths: Sequence[Path]) -> Found:
    """Reads every run at or below these directories.

    Raises:
        UserError: one of them is not there, or holds no run.
    """
    notes: list[str] = []
    places: dict[Path, _Place] = {}
    for path in paths:
        below = list(_below(_directory(path), notes))
        if not below:
            raise UserError(f"{path}: no run in it; {ACCEPTED}")
        for place in below:
            known = places.get(place.path)
            if known is None or known.job is None:  # of a sweep more is known
                places[place.path] = place
    base = Path(os.path.commonpath([path.parent for path in places]))
    runs = [read_run(place.path, str(path.relative_to(base)), place.job, notes) for path, place in places.items()]
    runs = _with_measured(runs, notes)
    sweeps = {place.sweep for place in places.values()}
    return Found(runs, sweeps.pop() if len(sweeps) == 1 else None, notes)


def _with_measured(runs: Sequence[Run], notes: list[str]) -> list[Run]:
    states, mixed = with_measured([(run.path, run.state) for run in runs])
    if mixed:
        notes.append(
            f"{MEASURED}: times of runs that were measured by different commands cannot be compared, and are left out; "
            "measure them together by one command"
        )
    return [replace(run, state=state) for run, state in zip(runs, states, strict=True)]


def _directory(path: Path) -> Path:
    if not path.exists():
        raise UserError(f"{path}: no such directory; {ACCEPTED}")
    if not path.is_dir():
        raise UserError(f"{path}: a file; {ACCEPTED}")
    return path.resolve()


def _below(directory: Path, notes: list[str]) -> Iterator[_Place]:
    if (directory / JOBS).is_file():
        try:
            jobs = read_jobs(directory)
            if all(isinstance(job.overrides, list) and isinstance(job.config, dict) for job in jobs):
                for job in jobs:
                    if leads_out(directory, job.folder):
                        notes.append(f"{directory / job.folder} is left out: a link that leads out of its sweep")
                    else:
                        yield _Place(directory / job.folder, job, directory)
                return
        except UserError:
            pass  # said below
        notes.append(f"{directory / JOBS} cannot be read: its jobs are taken for runs of their own")
    if _is_run(directory):
        yield _Place(directory)
        return
    for child in _children(directory, notes):
        yield from _below(child, notes)


def _is_run(directory: Path) -> bool:
    return (directory / RESULTS).is_file() or is_config(read_config(directory))


def _children(directory: Path, notes: list[str]) -> list[Path]:
    """Folders, but no links, which may lead in circles; numbers in their order."""
    try:
        folders = [Path(entry) for entry in os.scandir(directory) if entry.is_dir(follow_symlinks=False)]
    except OSError as error:
        notes.append(f"{directory} cannot be read: {error.strerror}")
        return []
    return sorted((path for path in folders if not path.name.startswith(".")), key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    """`2` before `10`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]
