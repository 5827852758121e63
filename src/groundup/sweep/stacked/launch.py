"""Launches the jobs of a sweep in stacks, and those that fit in none one by one. Imports no torch before a stack."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, configure_log, filter_overrides, run_job, setup_globals
from omegaconf import DictConfig, OmegaConf, open_dict

from groundup.command.tell import tell
from groundup.config.check import check_words
from groundup.errors import UserError
from groundup.rundir.names import LAST, RESULTS
from groundup.sweep.pruning import Court
from groundup.sweep.stacked.position import BEGINNING, Position, position_of
from groundup.sweep.stacked.stackable import groups_of, why_not

if TYPE_CHECKING:
    from groundup.callbacks.prune import Judge


@dataclass
class Composed:
    """A job: its config, Hydra's node included; the checked one, None where it is refused; where it runs."""

    number: int
    cfg: DictConfig
    overrides: list[str]
    config: dict[str, Any] | None
    run_dir: Path


def launch(launcher: Any, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
    """What `StackedLauncher.launch` does: a return for each job, in their order."""
    setup_globals()
    hydra = launcher.config.hydra
    configure_log(hydra.hydra_logging, hydra.verbose)
    Path(str(hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
    jobs = [_compose(launcher, first + number, list(words)) for number, words in enumerate(job_overrides)]
    stacks, alone = sort(jobs, launcher.max_members, may_go_on=hasattr(launcher.task_function, "report"))
    _announce(jobs, stacks, alone)
    returns: dict[int, JobReturn] = {}
    for position, stack in stacks:
        members = [jobs[place] for place in stack]
        if _must_stop(launcher.task_function, returns):
            alone |= dict.fromkeys(stack, "")  # to the task, which knows what is to be done with jobs that do not run
        else:
            returns |= _launch_stack(launcher, members, position)
    for place in alone:
        job = jobs[place]
        returns[job.number] = _run_job(launcher, job, launcher.task_function, configure_logging=True)
        configure_log(hydra.hydra_logging, hydra.verbose)
    return [returns[job.number] for job in jobs]


def sort(
    jobs: Sequence[Composed], max_members: int, may_go_on: bool
) -> tuple[list[tuple[Position, list[int]]], dict[int, str]]:
    """Stacks of jobs, as places among `jobs` and where they go on, and of every other job the reason why it runs alone.

    Jobs that were stopped in a stack, and may go on as those of a sweep of ours do, go on with those of the same place.
    """
    alone: dict[int, str] = {}
    places = defaultdict[Position, list[int]](list)
    for place, job in enumerate(jobs):
        if job.config is None:
            alone[place] = "its config is refused"
            continue
        begun = (job.run_dir / LAST).exists() or (job.run_dir / RESULTS).exists()
        position = BEGINNING if not begun else position_of(job.run_dir) if may_go_on else None
        if position is None:
            alone[place] = "it was begun before"
        else:
            places[position].append(place)
    stacks: list[tuple[Position, list[int]]] = []
    for position, members in places.items():
        configs: list[Mapping[str, Any]] = [jobs[place].config or {} for place in members]
        found, others = groups_of(configs, max_members)
        if position != BEGINNING:  # a stack of one then, rather than none
            found += [[number] for number in others if why_not(configs[number]) is None]
        stacks += [(position, [members[number] for number in stack]) for stack in found]
        stacked = {number for stack in found for number in stack}
        alone |= {members[number]: reason for number, reason in others.items() if number not in stacked}
    return stacks, dict(sorted(alone.items()))


def _compose(launcher: Any, number: int, overrides: list[str]) -> Composed:
    cfg = launcher.hydra_context.config_loader.load_sweep_config(launcher.config, overrides)
    with open_dict(cfg):
        if OmegaConf.is_missing(cfg.hydra.job, "num"):  # a sweep of ours has numbered its jobs itself
            cfg.hydra.job.id = cfg.hydra.job.num = number
    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(cfg)  # what is asked of it while this job's values are resolved
    try:
        run_dir = Path(str(cfg.hydra.sweep.dir), str(cfg.hydra.sweep.subdir)).absolute()
        try:
            config = check_words(OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"]))
        except UserError:  # the job itself will say so
            config = None
    finally:
        HydraConfig.instance().cfg = before
    return Composed(int(cfg.hydra.job.num), cfg, list(cfg.hydra.overrides.task), config, run_dir)


def _must_stop(task: Any, returns: Mapping[int, JobReturn]) -> bool:
    """Whether one of the jobs has failed and `sweep.fail_fast` asks for no more."""
    return getattr(task, "fail_fast", False) and not all(map(_has_finished, returns.values()))


def _has_finished(done: JobReturn) -> bool:
    return done.status == JobStatus.COMPLETED and done.return_value is not None


def _announce(
    jobs: Sequence[Composed], stacks: Sequence[tuple[Position, Sequence[int]]], alone: Mapping[int, str]
) -> None:
    for position, stack in stacks:
        what = f"{len(stack)} jobs train at once" if len(stack) > 1 else "1 job of a stack trains on"
        since = "" if position == BEGINNING else f" from step {position.step}"
        tell(f"{what}{since}: {_numbers([jobs[place].number for place in stack])}")
    reasons = defaultdict[str, list[int]](list)
    for place, reason in alone.items():
        reasons[reason].append(jobs[place].number)
    for reason, numbers in reasons.items():
        tell(f"one by one: {_numbers(numbers)} ({reason})")


def _numbers(numbers: Sequence[int]) -> str:
    """`0-3, 6`"""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and spans[-1][-1] == number - 1:
            spans[-1][1:] = [number]
        else:
            spans.append([number])
    return ", ".join("-".join(map(str, span)) for span in spans)


def _launch_stack(launcher: Any, jobs: Sequence[Composed], position: Position) -> dict[int, JobReturn]:
    from groundup.sweep.stacked.training import train_stacked

    start = time.monotonic()
    trials = [(job.config or {}, job.run_dir, job.overrides) for job in jobs]
    outcomes = train_stacked(trials, position, _judges(jobs))
    seconds = time.monotonic() - start
    returns = {}
    for said_later, job, outcome in zip(reversed(range(len(jobs))), jobs, outcomes, strict=True):
        told = functools.partial(_tell, launcher.task_function, job, outcome, seconds, said_later)
        returns[job.number] = _run_job(launcher, job, told, configure_logging=False)
    return returns


def _judges(jobs: Sequence[Composed]) -> list[Judge] | None:
    """Of the trials of a study that gives some up, each by the number that it has there."""
    hydra, config = jobs[0].cfg.hydra, jobs[0].config
    if config is None or not ("pruning" in hydra.sweep and hydra.sweep.pruning):
        return None
    court = Court.of_job(hydra, config)
    return [functools.partial(court.judge, job.number) for job in jobs]


def _tell(
    task: Any, job: Composed, outcome: dict[str, Any] | BaseException, seconds: float, said_later: int, cfg: DictConfig
) -> Any:
    """What the job itself would have said, returned or raised at its end."""
    from groundup.command.frame import JobFailed

    if hasattr(task, "report"):  # a job of a sweep of ours says one line
        task.report(job.run_dir, job.overrides, seconds, said_later)
        if isinstance(outcome, Exception):
            raise JobFailed(str(outcome)) from outcome
        return None if isinstance(outcome, BaseException) else outcome
    if isinstance(outcome, BaseException):
        tell(f"job {job.number} ({' '.join(filter_overrides(job.overrides))}) failed: {outcome}")
        raise JobFailed(str(outcome)) from outcome
    return outcome


def _run_job(launcher: Any, job: Composed, task: Any, configure_logging: bool) -> JobReturn:
    return run_job(
        hydra_context=launcher.hydra_context,
        task_function=task,
        config=job.cfg,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        configure_logging=configure_logging,
    )
