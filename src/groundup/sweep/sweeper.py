"""A sweep from its words to its table.

All jobs are composed and checked, once, before the first begins; their configs are frozen; what is not finished is
launched, by any launcher of Hydra's; the table is made of what the jobs have written, however the sweep ends.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, read_write

from groundup.borrowed.hydra import with_searchpath
from groundup.command.mode import refuse_what_no_sweep_obeys
from groundup.command.mode import words_of as words_of_command
from groundup.command.tell import tell
from groundup.command.words import show
from groundup.config.check import check_sweep, check_trust
from groundup.errors import UserError
from groundup.rundir.folders import job_folders
from groundup.rundir.jobs import FrozenJob, write_jobs
from groundup.rundir.links import refuse_links_out_of_sweep
from groundup.rundir.lock import Held, holding
from groundup.rundir.names import COLUMNS, JOBS, LOCK, TABLES
from groundup.rundir.overrides import varied_keys
from groundup.rundir.state import JobState, clean, read_state
from groundup.sweep.checked_jobs import checked, freeze
from groundup.sweep.columns import write_columns
from groundup.sweep.compose import Composer
from groundup.sweep.expand import expand
from groundup.sweep.foreign_sweep import refuse_foreign_jobs
from groundup.sweep.frozen import CHECKED, DIGEST, PRUNING, FrozenLoader
from groundup.sweep.job import Job
from groundup.sweep.job_file import read_rows, refuse_keys_twice
from groundup.sweep.launchers import launch, refuse_bad_launcher
from groundup.sweep.outcome import reported, resuming
from groundup.sweep.params import words_of
from groundup.sweep.resume_sweep import named_sweep, newest_sweep
from groundup.sweep.tally import strays

A_LOOK = 120.0  # seconds; whoever looks composes all jobs


def run_sweep(words: Sequence[str], params: Any, context: HydraContext, task: TaskFunction, master: DictConfig) -> None:
    """Runs every job that the words of the command line make, with those of `hydra.sweeper.params` before them.

    Raises:
        UserError: the sweep cannot begin; nothing was started.
        SweepFailed: a job failed; the others have run.
        Interrupted: stopped by a signal.
    """
    HydraConfig.instance().set_config(master)
    settings = check_sweep(master)
    refuse_bad_settings(master)
    words = [*words_of(params), *map(show, words)]
    with read_write(master.hydra):
        master.hydra.overrides.task = words
    context = replace(context, config_loader=with_searchpath(context.config_loader, master))
    rows = read_rows(words, settings["max_jobs"])
    jobs = expand(words, context.config_loader, settings["max_jobs"], [row.words for row in rows])
    refuse_keys_twice(rows, words)
    places = [row.place for row in rows for _ in range(len(jobs) // len(rows))]
    with ExitStack() as stack:
        with _looking(settings["resume"], Path(master.hydra.sweep.dir).absolute().parent):
            sweep_dir, frozen = _begin_or_go_on(jobs, places, settings["resume"], context, master)
            stack.enter_context(opened(sweep_dir, frozen))
        _launch_all(sweep_dir, frozen, settings["fail_fast"], context, task, master)


def refuse_bad_settings(master: DictConfig) -> None:
    """Settings of Hydra's own that a sweep has no use for, and bad ones of its launcher.

    Raises:
        UserError: one was given.
    """
    refuse_what_no_sweep_obeys(master.hydra)
    for word in words_of_command(master.hydra):
        if word.lstrip("+").partition("=")[0] in (DIGEST, CHECKED, PRUNING):
            raise UserError(f"{word}: a sweep sets this for its jobs; leave it out")
    refuse_bad_launcher(master.hydra.launcher)


@contextmanager
def _looking(resume: str | None, folder: Path) -> Iterator[None]:
    """For `sweep.resume=auto`: one command at a time looks in a folder of sweeps, until what it finds or begins is its.

    Of two at once the second then finds the sweep of the first, instead of none.

    Raises:
        UserError: another takes too long.
    """
    with ExitStack() as stack:
        try:
            if resume == "auto":
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(holding(folder / ".auto.lock", wait=A_LOOK))
        except Held as error:
            raise UserError(
                f"sweep.resume=auto: another command is looking in {folder} for it; repeat this command later"
            ) from error
        except OSError:  # where nothing can be made, nobody begins a sweep
            pass
        yield


def _begin_or_go_on(
    jobs: list[list[str]], places: list[str], resume: str | None, context: HydraContext, master: DictConfig
) -> tuple[Path, list[FrozenJob]]:
    """The directory of the sweep and its jobs."""
    new_dir = Path(master.hydra.sweep.dir).absolute()
    composer = Composer(context.config_loader, master)
    compose_all = functools.cache(lambda: freeze(jobs, composer, places))
    typed = {word for overrides in jobs for word in overrides}
    compose = functools.partial(checked, composer=composer)
    refuse = functools.partial(refuse_foreign_jobs, typed=typed, compose=compose, trust=check_trust(master))
    if resume is not None and resume != "auto":
        return Path(resume), named_sweep(Path(resume), jobs, compose_all, refuse)
    if resume == "auto" and (found := newest_sweep(new_dir.parent, jobs, compose_all, refuse)):
        return found
    frozen = compose_all()
    refuse_to_overwrite(new_dir, frozen)
    return new_dir, frozen


def refuse_to_overwrite(sweep_dir: Path, jobs: Sequence[FrozenJob]) -> None:
    """For a sweep that begins in a directory of the user's choice.

    Raises:
        UserError: it holds a sweep, a run in the place of a job, or a file where a sweep's table would be.
    """
    if (sweep_dir / JOBS).exists():
        raise UserError(
            f"hydra.sweep.dir={sweep_dir}: holds a sweep already; go on with it by {resuming(sweep_dir)}, or name "
            "another directory"
        )
    for name in (*TABLES, COLUMNS):
        if (sweep_dir / name).exists():
            raise UserError(f"hydra.sweep.dir={sweep_dir}: holds {name} and no sweep; {name} would be overwritten")
    for number, folder in job_folders(sweep_dir):
        if number < len(jobs) and read_state(sweep_dir / folder).status != "not run":
            raise UserError(f"hydra.sweep.dir={sweep_dir}: its folder {folder} holds a run already; name another")


# Before the first job


@contextmanager
def opened(sweep_dir: Path, jobs: Sequence[FrozenJob]) -> Iterator[None]:
    """The directory of a sweep, there and ours alone, with its list of jobs."""
    refuse_links_out_of_sweep(sweep_dir)
    with ExitStack() as stack:
        try:
            sweep_dir.mkdir(parents=True, exist_ok=True)
            stack.enter_context(holding(sweep_dir / LOCK))
            if not (sweep_dir / JOBS).exists():
                write_jobs(sweep_dir, jobs)
            if jobs:  # of a search none are known
                write_columns(sweep_dir, jobs)
        except Held as error:
            raise UserError(f"sweep.resume={sweep_dir}: this sweep is still going on in another process") from error
        except OSError as error:
            raise UserError(f"hydra.sweep.dir={sweep_dir}: cannot be written: {error.strerror or error}") from error
        yield


# The jobs


def _launch_all(
    sweep_dir: Path,
    jobs: Sequence[FrozenJob],
    fail_fast: bool,
    context: HydraContext,
    task: TaskFunction,
    master: DictConfig,
) -> None:
    varied = varied_keys(job.overrides for job in jobs)
    states = [read_state(sweep_dir / job.folder) for job in jobs]
    todo = [job for job, state in zip(jobs, states, strict=True) if not state.is_done]
    _clean_what_begins_anew(sweep_dir, jobs, states)
    tell(_announcement(sweep_dir, states))
    finished = len(jobs) - len(todo)
    job = Job(task, sweep_dir, varied, len(jobs), finished, time.time(), fail_fast, strays=strays(sweep_dir, jobs))
    launcher = make_launcher(job, sweep_dir, context, master)
    with reported(sweep_dir, jobs, f"once more with these: {resuming(sweep_dir)}"):
        launch(launcher, todo, sweep_dir)


def _clean_what_begins_anew(sweep_dir: Path, jobs: Sequence[FrozenJob], states: Sequence[JobState]) -> None:
    """At once, so that a failure of an earlier attempt is not taken for one of this."""
    for job, state in zip(jobs, states, strict=True):
        if state.status in ("failed", "killed", "interrupted") and state.checkpoint is None:
            clean(sweep_dir / job.folder)


def _announcement(sweep_dir: Path, states: Sequence[JobState]) -> str:
    number = f"{len(states)} job{'s' if len(states) > 1 else ''} in {sweep_dir}"
    if all(state.status == "not run" for state in states):
        return number
    finished = sum(state.is_done for state in states)
    resumed = sum(state.checkpoint is not None for state in states)
    return f"{number}: {finished} finished, {resumed} go on, {len(states) - finished - resumed} to run"


def make_launcher(
    job: Job, sweep_dir: Path, context: HydraContext, master: DictConfig, pruning: Mapping[str, Any] | None = None
) -> Launcher:
    with read_write(master.hydra):
        master.hydra.sweep.dir = str(sweep_dir)  # the jobs of other processes must find it too
    frozen = HydraContext(
        config_loader=FrozenLoader(sweep_dir, context.config_loader, pruning), callbacks=context.callbacks
    )
    return Plugins.instance().instantiate_launcher(hydra_context=frozen, task_function=job, config=master)
