"""Going on with a sweep: which one, and whether it is of the same jobs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from groundup.command.tell import tell
from groundup.config.spelling import alike
from groundup.errors import UserError
from groundup.rundir.jobs import FrozenJob, read_jobs
from groundup.rundir.names import JOBS, STUDY
from groundup.rundir.overrides import label, varied_keys

Compose = Callable[[], list[FrozenJob]]
Refuse = Callable[[Path, list[FrozenJob]], None]


def named_sweep(sweep_dir: Path, jobs: Sequence[list[str]], compose: Compose, refuse: Refuse) -> list[FrozenJob]:
    """The frozen jobs of the sweep in this directory, which must be those of the command; no settings: whatever it has.

    Jobs are the same by their settings, in any order, and else by their configs. The first holds when `conf/` has been
    edited since, the second when a value was spelt in another way.

    Args:
        sweep_dir: of the sweep.
        jobs: of the command.
        compose: gives them with their configs.
        refuse: raises where jobs of a directory ask for more than a stranger's may.

    Raises:
        UserError: it is another sweep, or none, or one that is refused.
    """
    if (sweep_dir / STUDY).exists():
        raise UserError(
            f"sweep.resume={sweep_dir}: this is a search; add hydra/sweeper=optuna, and it makes its trials"
        )
    frozen = read_jobs(sweep_dir)
    if not frozen:
        raise UserError(f"sweep.resume={sweep_dir}: {JOBS} is damaged: it holds no jobs")
    if any(jobs) and not _same_settings(frozen, jobs):
        _refuse_another(sweep_dir, frozen, compose())
    refuse(sweep_dir, frozen)
    return frozen


def newest_sweep(
    folder: Path, jobs: Sequence[list[str]], compose: Compose, refuse: Refuse
) -> tuple[Path, list[FrozenJob]] | None:
    """The newest sweep in `folder` with the jobs of the command, and its frozen jobs; None where there is none."""
    for sweep_dir in sorted((file.parent for file in folder.glob(f"*/{JOBS}")), reverse=True):  # names begin with time
        try:
            frozen = read_jobs(sweep_dir)
        except UserError as error:
            tell(f"passed over: {error}")
            continue
        if not _same_jobs(frozen, jobs, compose):
            continue
        try:
            refuse(sweep_dir, frozen)
        except UserError as error:
            tell(f"passed over: {error}")
            continue
        return sweep_dir, frozen
    return None


def _same_jobs(frozen: Sequence[FrozenJob], jobs: Sequence[list[str]], compose: Compose) -> bool:
    if _same_settings(frozen, jobs):
        return True
    if len(frozen) > len(jobs):  # a command may say a job twice
        return False
    return _configs(frozen).keys() == _configs(compose()).keys()


def _same_settings(frozen: Sequence[FrozenJob], jobs: Sequence[list[str]]) -> bool:
    return {frozenset(job.overrides) for job in frozen} == {frozenset(overrides) for overrides in jobs}


def _configs(jobs: Sequence[FrozenJob]) -> dict[str, FrozenJob]:
    """By their configs; the jobs of a directory may be a stranger's, so nothing that they name is imported."""
    return {json.dumps(alike(job.config), sort_keys=True): job for job in jobs}


def _refuse_another(sweep_dir: Path, frozen: Sequence[FrozenJob], composed: Sequence[FrozenJob]) -> None:
    there, now = _configs(frozen), _configs(composed)
    new = [job for config, job in now.items() if config not in there]
    gone = [job for config, job in there.items() if config not in now]
    if new and gone:
        difference = _first_difference(new[0], gone)
    elif new:
        difference = f"it has no job {_name(new[0], composed)}"
    elif gone:
        difference = f"it also has the job {_name(gone[0], frozen)}, which is not asked for now"
    else:
        return
    raise UserError(
        f"sweep.resume={sweep_dir}: another sweep: {difference}; repeat its own settings, give none at all, or begin "
        "a new sweep without sweep.resume"
    )


def _name(job: FrozenJob, jobs: Sequence[FrozenJob]) -> str:
    return label(job.overrides, varied_keys(job.overrides for job in jobs)) or "0"


def _first_difference(job: FrozenJob, others: Sequence[FrozenJob]) -> str:
    """In words, of a job and the one that is most like it."""
    now = _flat(job.config)
    key, there, asked = min((_different(_flat(other.config), now) for other in others), key=len)[0]
    return f"{key}={there} in it, {key}={asked} now"


def _different(there: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Keys in the order of the config, with both values."""
    keys = [key for key in {**now, **there} if there.get(key) != now.get(key)]
    return [(key, there.get(key), now.get(key)) for key in keys]


def _flat(node: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(node, Mapping):
        return {prefix: node}
    flat: dict[str, Any] = {}
    for key, value in node.items():
        flat |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
    return flat
