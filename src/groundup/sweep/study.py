"""A search by Optuna: its trials are the jobs of a sweep, composed, frozen, launched and shown like those of any other.

The study is asked for as many trials as run at a time, and told what each came to on validation data. What a job's
directory says is the truth: a sweep that was killed tells the study, when it goes on, what has finished meanwhile.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, read_write

from groundup.borrowed.hydra import with_searchpath
from groundup.command.mode import words_of as words_of_command
from groundup.command.words import show
from groundup.config.check import check_study, check_sweep, check_trust, refuse_idle_study_keys
from groundup.config.model_kinds import learns_by_itself
from groundup.data.folder import scan
from groundup.errors import UserError
from groundup.rundir.jobs import FrozenJob, read_jobs
from groundup.sweep.checked_jobs import checked
from groundup.sweep.columns import add_to_columns, write_columns_of_search
from groundup.sweep.compose import Composer
from groundup.sweep.foreign_sweep import refuse_foreign_jobs, refuse_foreign_words
from groundup.sweep.job_file import file_asked_for
from groundup.sweep.known_study import (
    as_it_began,
    as_it_begins,
    open_study,
    read_study,
    settings_in,
    study_to_go_on_with,
)
from groundup.sweep.params import words_of
from groundup.sweep.pruning import (
    pruning_of,
    refuse_idle_pruner,
    refuse_what_cannot_be_pruned,
)
from groundup.sweep.search import Search, trials_at_once
from groundup.sweep.search_space import Space, parse_space
from groundup.sweep.sweeper import opened, refuse_bad_settings, refuse_to_overwrite
from groundup.sweep.trials_alike import refuse_several_folds, refuse_what_biases

TRIALS = 20
OURS = ("val/acc", "val/loss")  # metrics that every model of ours logs
Corner = tuple[list[str], dict[str, Any]]  # the words of a trial and their config


def run_study(
    words: Sequence[str], options: Mapping[str, Any], context: HydraContext, task: TaskFunction, master: DictConfig
) -> None:
    """Runs trials until the study has as many as it was asked for.

    Raises:
        UserError: the search cannot begin; nothing was started.
        SweepFailed: a trial failed, and the others have run; or the first has no such metric.
        Interrupted: stopped by a signal.
    """
    HydraConfig.instance().set_config(master)
    settings, options = check_sweep(master), check_study(options)
    refuse_bad_settings(master)
    words = [*words_of(options.pop("params")), *map(show, words)]
    _refuse_file_of_jobs(words)
    sweep_dir = study_to_go_on_with(settings["resume"], words, master)
    typed, is_new = settings_in(words), sweep_dir is None
    if sweep_dir is None:
        sweep_dir = Path(master.hydra.sweep.dir).absolute()
        refuse_idle_study_keys(options)
        options = as_it_begins(sweep_dir, options)
    else:
        options = as_it_began(sweep_dir, options, words_of_command(master.hydra))
        words = words if typed else [*_words_there(sweep_dir), *words]
    with read_write(master.hydra):
        master.hydra.overrides.task = words
    context = replace(context, config_loader=with_searchpath(context.config_loader, master))
    space = parse_space(words, context.config_loader)
    number = _number_of_trials(options, space, settings["max_jobs"])
    composer = Composer(context.config_loader, master)
    corners = _checked_corners(space, composer, options) if is_new else []
    if is_new:
        _refuse_idle_pruner(options, number, master)
        refuse_to_overwrite(sweep_dir, [])
    with opened(sweep_dir, []):
        jobs = read_jobs(sweep_dir)
        refuse_foreign_jobs(sweep_dir, jobs, typed, functools.partial(checked, composer=composer), check_trust(master))
        study = open_study(sweep_dir, options, words, space)
        _write_columns(sweep_dir, corners, jobs, options)
        trials = Search(study, sweep_dir, space, options, composer, number)
        trials.run(jobs, settings["fail_fast"], context, task, master)


def _write_columns(
    sweep_dir: Path, corners: Sequence[Corner], jobs: Sequence[FrozenJob], options: Mapping[str, Any]
) -> None:
    if corners:
        write_columns_of_search(sweep_dir, corners, options["pruner"] != "none")
    add_to_columns(sweep_dir, jobs)


def _words_there(sweep_dir: Path) -> list[str]:
    """Of a study that goes on by a command that does not repeat them."""
    words: list[str] = read_study(sweep_dir)["words"]
    refuse_foreign_words(sweep_dir, words)
    return words


# Before the first trial


def _refuse_file_of_jobs(words: Sequence[str]) -> None:
    if (listed := file_asked_for(words)) is not None:
        raise UserError(
            f"{listed} with hydra/sweeper=optuna: a search chooses the values itself; accepted: hydra/sweeper=groundup"
        )


def _refuse_idle_pruner(options: Mapping[str, Any], number: int, master: DictConfig) -> None:
    if pruning := pruning_of(options):
        refuse_idle_pruner(pruning, number, trials_at_once(options["n_jobs"], master))


def _number_of_trials(options: Mapping[str, Any], space: Space, max_jobs: int) -> int:
    size = len(space.grid()) if options["sampler"] == "grid" else None
    number = min(options["n_trials"] or size or TRIALS, size or max_jobs + 1)
    if number > max_jobs:
        raise UserError(f"sweep.max_jobs={max_jobs}: {number:,} trials; if that is meant: sweep.max_jobs={number}")
    return number


def _checked_corners(space: Space, composer: Composer, options: Mapping[str, Any]) -> list[Corner]:
    """Of every choice and both ends of every interval.

    Raises:
        UserError: what they would be refused for.
    """
    problems: dict[str, str] = {}
    corners: list[Corner] = []
    pruning = pruning_of(options)
    scan_once = functools.cache(scan)
    for values in space.corners():
        try:
            words = space.words(values)
            config = checked(words, composer, scan_once)
            corners.append((words, config))
            _refuse_without_metric(config, options["metric"])
            if pruning is not None:
                refuse_what_cannot_be_pruned(config, pruning)
        except UserError as error:
            varied = [f"{key}={value}" for key, value in values.items()]
            problems.setdefault(str(error), f"{error}\n  in {' '.join(varied)}")
    if problems:
        raise UserError("\n".join(problems.values()))
    configs = [config for _, config in corners]
    refuse_several_folds(configs)
    if pruning is not None:
        refuse_what_biases(pruning, configs)
    return corners


def _refuse_without_metric(config: Mapping[str, Any], metric: str) -> None:
    """A LightningModule that chooses its best by a metric of another name logs, as far as is known, none of ours."""
    monitor = (config["callbacks"].get("checkpoints") or {}).get("monitor")
    if learns_by_itself(config["model"]):
        if monitor not in (None, metric, *OURS):
            raise UserError(
                f"callbacks.checkpoints.monitor={monitor} in a search by hydra.sweeper.metric={metric}: a "
                f"LightningModule must log {metric} itself, by that name; accepted: hydra.sweeper.metric={monitor}, or "
                f"callbacks.checkpoints.monitor={metric}"
            )
    elif metric not in OURS:
        raise UserError(
            f"hydra.sweeper.metric={metric} with model={config['model']['name']}, which does not log it; accepted: "
            f"{', '.join(OURS)}"
        )
