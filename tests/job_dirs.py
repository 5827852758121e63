"""Where a sweep's jobs are, by their numbers: their directories are called by what varied."""

from __future__ import annotations

from pathlib import Path

from groundup.rundir.folders import job_folders, number_of


def job_dir(sweep: Path, number: int) -> Path:
    """The directory of a job, be it there or not."""
    return next((sweep / folder for found, folder in job_folders(sweep) if found == number), sweep / str(number))


def number_in(run_dir: Path) -> int | None:
    """The number of the job of this directory."""
    return number_of(run_dir.name)
