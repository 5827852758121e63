"""What the jobs of a sweep are set to, all together: what differs, and which of them are one configuration."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from groundup.config.hyperparameters import chosen, hyperparameters
from groundup.errors import UserError
from groundup.rundir.directory import GROUPS
from groundup.rundir.folders import configuration_in
from groundup.rundir.jobs import FrozenJob, read_jobs
from groundup.rundir.names import JOBS
from groundup.rundir.overrides import varied_keys
from groundup.rundir.plain import MIB
from groundup.rundir.replicates import KEYS as REPEATS

Value = str | float | bool
LARGEST = 64 * MIB  # bytes of a list of jobs that a job still reads


@dataclass(frozen=True)
class SweepSettings:
    """Of a sweep.

    Attributes:
        kinds: the types of the values of every setting that is not one in all jobs that have it. What is the same in
            all rows of a table tells nothing, nor do seeds, where a row is several of them.
        varied: of those that tell jobs apart.
        groups: the configuration of each job, by its folder: `lenet lr=0.01 #3fa29b`.
    """

    kinds: Mapping[str, Collection[type]]
    varied: Collection[str]
    groups: Mapping[str, str]

    def repeats(self, folder: str) -> bool:
        """Whether another job has the same configuration."""
        return Counter(self.groups.values())[self.groups[folder]] > 1


def sweep_settings(run_dir: Path) -> SweepSettings | None:
    """Of the sweep whose job this is the directory of; None of a run of its own, or where the sweep cannot be read."""
    file = run_dir.parent / JOBS
    try:
        status = file.stat()
    except OSError:
        return None
    settings = _read(run_dir.parent, status.st_mtime_ns) if status.st_size <= LARGEST else None
    return settings if settings and run_dir.name in settings.groups else None


@lru_cache(maxsize=1)
def _read(sweep_dir: Path, changed: int) -> SweepSettings | None:
    try:
        return settings_of([job for job in read_jobs(sweep_dir) if _is_whole(job)])
    except (UserError, TypeError, ValueError):  # another job's config, which may be anybody's, fails no run
        return None


def settings_of(jobs: Collection[FrozenJob]) -> SweepSettings:
    """What these jobs are set to."""
    params = {job.folder: hyperparameters(job.config) for job in jobs}
    groups = {folder: f"{_words(folder, settings)} #{_digest(settings)}" for folder, settings in params.items()}
    values: dict[str, set[Value]] = {}
    for settings in params.values():
        for name, value in settings.items():
            values.setdefault(name, set()).add(value)
    for name in REPEATS if len(set(groups.values())) < len(groups) else ():
        values.pop(name, None)
    kinds = {name: set(map(type, found)) for name, found in values.items() if len(found) > 1}
    varied = chosen(varied_keys(job.overrides for job in jobs)) & kinds.keys()
    return SweepSettings(kinds, varied, groups)


def _is_whole(job: FrozenJob) -> bool:
    """A trial that was refused is not; of what else a stranger's file says, nothing is read."""
    groups = (job.config.get(group) for group in GROUPS)
    return all(isinstance(group, dict) for group in groups) and "seed" in job.config


def _words(folder: str, settings: Mapping[str, Value]) -> str:
    return configuration_in(folder) or f"{settings.get('model.name', '')} {settings.get('data.name', '')}"


def _digest(settings: Mapping[str, Value]) -> str:
    """Of all settings but the seed: so runs of two sweeps are one configuration where they are set alike."""
    kept = {name: value for name, value in settings.items() if name not in REPEATS}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:6]
