"""Links in the directory of a run or a sweep that lead out of it: nothing is written or deleted through them.

Such a directory may be a stranger's. Links above it, or of its own name, are the user's: `outputs` may be on another
disk. What is written whole (`groundup.files`) replaces a link; here is what is written in, or appended to, in place.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from io import TextIOWrapper
from pathlib import Path

from groundup.errors import UserError
from groundup.rundir.folders import job_folders
from groundup.rundir.names import CHECKPOINTS, LOCK, LOG, MEANS, METRICS, PROCESSES, PROJECTOR, STUDY_DATABASE, SUBMITIT

IN_A_RUN = (CHECKPOINTS, METRICS, LOG, LOCK, PROJECTOR)
IN_A_SWEEP = (STUDY_DATABASE, PROCESSES, SUBMITIT, LOCK, MEANS)


def leads_out(directory: Path, name: str) -> bool:
    """Whether `directory/name` is a link to somewhere outside of `directory`, be there something or not."""
    path = directory / name
    return path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(directory))


def refuse_links_out(directory: Path, names: Iterable[str]) -> None:
    """Raises: UserError: one of these names in the directory is a link that leads out of it."""
    for name in names:
        if leads_out(directory, name):
            raise UserError(
                f"{directory / name}: a link that leads to {os.path.realpath(directory / name)}, out of its directory: "
                "nothing is written or deleted through it; accepted: a file or folder of its own in its place"
            )


def refuse_links_out_of_run(run_dir: Path) -> None:
    """Raises: UserError: a run would write or delete through a link that leads out of its directory."""
    refuse_links_out(run_dir, IN_A_RUN)


def refuse_links_out_of_sweep(sweep_dir: Path) -> None:
    """Raises: UserError: a sweep, or one of its jobs, would write or delete through a link that leads out of it."""
    if not sweep_dir.is_dir():
        return
    jobs = [name for _, name in job_folders(sweep_dir)]
    refuse_links_out(sweep_dir, [*IN_A_SWEEP, *jobs])
    for job in jobs:
        refuse_links_out_of_run(sweep_dir / job)


class LogFile(logging.FileHandler):
    """A log that is appended to, and never through a link.

    Raises:
        UserError: a link is in its place.
    """

    def _open(self) -> TextIOWrapper:
        file = self.baseFilename
        try:
            return open(file, "a", encoding=self.encoding, errors="backslashreplace", opener=_no_link)
        except OSError as error:
            if os.path.islink(file):
                raise UserError(f"{file}: a link: no log is written through it; accepted: a file") from error
            raise


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
