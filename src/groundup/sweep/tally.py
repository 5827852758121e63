"""How many jobs of a sweep have ended, by their own directories, whatever ended the processes that ran them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path

from groundup.rundir.folders import job_folders
from groundup.rundir.jobs import FrozenJob
from groundup.rundir.results import read_results


def strays(sweep_dir: Path, jobs: Sequence[FrozenJob]) -> frozenset[str]:
    """What is called as a job's directory and is none: a copy, or that of a trial that nobody wrote down.

    There are few, or none, so that every process can be told.
    """
    return frozenset({name for _, name in job_folders(sweep_dir)} - {job.folder for job in jobs})


class Tally:
    """How many jobs of a sweep have ended, in whatever process. Looks at each that has but once.

    Args:
        sweep_dir: where they are.
        jobs: how many there are.
        strays: names of directories that are no job's.
    """

    def __init__(self, sweep_dir: Path, jobs: int, strays: Collection[str] = ()):
        self.sweep_dir, self._strays = sweep_dir, strays
        self._open = set(range(jobs))
        self._ended: dict[str, int] = {"finished": 0, "pruned": 0, "failed": 0}

    def look(self) -> Tally:
        """Looks again at the jobs that had not ended."""
        for number, folder in job_folders(self.sweep_dir):
            if number not in self._open or folder in self._strays:
                continue
            status = read_results(self.sweep_dir / folder).get("status")
            if status in self._ended:
                self._ended[status] += 1
                self._open.remove(number)
        return self

    @property
    def ended(self) -> int:
        return sum(self._ended.values())

    @property
    def failed(self) -> int:
        return self._ended["failed"]


@lru_cache(maxsize=1)
def tally_of(sweep_dir: Path, jobs: int, strays: frozenset[str], began: float) -> Tally:
    """The tally of this process of a sweep that began, or went on, at that time."""
    return Tally(sweep_dir, jobs, strays)
