"""A search by Optuna: its trials are the jobs of a sweep, composed, frozen, launched and shown like those of any other.

The study is asked for as many trials as run at a time, and told what each came to on validation data. What a job's
directory says is the truth: a sweep that was killed tells the study, when it goes on, what has finished meanwhile.
"""

from __future__ import annotations

import functools
import json
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from hydra.core.hydra_config import HydraConfig
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, read_write
from optuna.trial import FrozenTrial, TrialState

from groundup.borrowed.hydra import with_searchpath
from groundup.borrowed.optuna import planned_values, report, set_user_attribute
from groundup.command.tell import tell
from groundup.command.words import show
from groundup.config.check import check_study, check_sweep, check_trust
from groundup.config.model_kinds import learns_by_itself
from groundup.data.folder import scan
from groundup.errors import SweepFailed, UserError
from groundup.files import write_whole
from groundup.printable import printable
from groundup.rundir.by_epoch import figure_by_epoch
from groundup.rundir.folders import MAY_GROW, folder_of, job_folders
from groundup.rundir.jobs import CheckedJob, FrozenJob, read_jobs, write_jobs
from groundup.rundir.names import JOBS, METRICS, STUDY, STUDY_DATABASE
from groundup.rundir.overrides import label, shown
from groundup.rundir.plain import Unreadable, read_json
from groundup.rundir.results import write_results
from groundup.rundir.state import JobState, read_state
from groundup.sweep.columns import add_to_columns, write_columns_of_search
from groundup.sweep.compose import Composer
from groundup.sweep.expand import is_own
from groundup.sweep.foreign_sweep import refuse_foreign_jobs, refuse_foreign_words
from groundup.sweep.job import Job
from groundup.sweep.job_file import file_asked_for
from groundup.sweep.launchers import launch
from groundup.sweep.params import words_of
from groundup.sweep.pruning import (
    pruning_of,
    refuse_biased_search,
    refuse_idle_pruner,
    refuse_what_cannot_be_pruned,
)
from groundup.sweep.search_space import Space, parse_space
from groundup.sweep.sweeper import (
    checked,
    make_launcher,
    opened,
    refuse_bad_settings,
    refuse_to_overwrite,
    reported,
)

JOB, SWEEP, REASON = "job", "sweep", "reason"  # of a trial: its number and its sweep here, and why it failed
TRIALS = 20


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
    if (listed := file_asked_for(words)) is not None:
        raise UserError(
            f"{listed} with hydra/sweeper=optuna: a search chooses the values itself; accepted: hydra/sweeper=groundup"
        )
    sweep_dir = _directory(settings["resume"], words, master)
    typed = _settings(words)
    if sweep_dir is not None and not typed:
        before = _known(sweep_dir)["words"]
        refuse_foreign_words(sweep_dir, before)
        words = [*before, *words]
    with read_write(master.hydra):
        master.hydra.overrides.task = words
    context = replace(context, config_loader=with_searchpath(context.config_loader, master))
    space = parse_space(words, context.config_loader)
    number = _number_of_trials(options, space, settings["max_jobs"])
    composer = Composer(context.config_loader, master)
    corners = None
    if sweep_dir is None:
        corners = _checked_corners(space, composer, options)
        if pruning := pruning_of(options):
            refuse_idle_pruner(pruning, number, _at_once(options["n_jobs"], master))
        sweep_dir = Path(master.hydra.sweep.dir).absolute()
        refuse_to_overwrite(sweep_dir, [])
    with opened(sweep_dir, []):
        jobs = read_jobs(sweep_dir)
        refuse_foreign_jobs(sweep_dir, jobs, typed, functools.partial(checked, composer=composer), check_trust(master))
        study = _open_study(sweep_dir, options, words, space)
        if corners:
            write_columns_of_search(sweep_dir, corners, options["pruner"] != "none")
        add_to_columns(sweep_dir, jobs)
        search = Search(study, sweep_dir, space, options, composer, number)
        search.run(jobs, settings["fail_fast"], context, task, master)


# Which one


def _settings(words: Sequence[str]) -> list[str]:
    """What makes the jobs: not how they are swept."""
    return [word for word in words if not is_own(word.partition("=")[0]) and not word.startswith("hydra")]


def _directory(resume: str | None, words: Sequence[str], master: DictConfig) -> Path | None:
    """Of the study to go on with; None for a new one."""
    asked = set(_settings(words))
    if resume is None:
        return None
    if resume == "auto":
        folder = Path(master.hydra.sweep.dir).absolute().parent
        files = sorted(folder.glob(f"*/{STUDY}"), reverse=True)  # names begin with the time
        return next((file.parent for file in files if _is_of(file.parent, asked)), None)
    before = set(_known(Path(resume))["words"])
    if asked and (different := sorted(asked ^ before)):
        where = "not in it" if different[0] in asked else "in it, not asked for now"
        raise UserError(
            f"sweep.resume={resume}: another study: {different[0]} is {where}; repeat its own settings, give none at "
            "all, or begin a new one without sweep.resume"
        )
    return Path(resume)


def _is_of(sweep_dir: Path, asked: set[str]) -> bool:
    try:
        return set(_known(sweep_dir)["words"]) == asked
    except UserError as error:  # it says nothing of the other studies
        tell(f"passed over: {error}")
        return False


def _known(sweep_dir: Path) -> dict[str, Any]:
    try:
        known = read_json(sweep_dir / STUDY)
    except Unreadable as error:
        raise UserError(f"sweep.resume={sweep_dir}: no study there: {STUDY} cannot be read: {error}") from error
    words = known.get("words") if isinstance(known, dict) else None
    names = [known.get(name) for name in ("study_name", "metric", "direction")] if isinstance(words, list) else []
    if not names or not all(isinstance(word, str) for word in [*(words or ()), *names, known.get("storage") or ""]):
        raise UserError(f"sweep.resume={sweep_dir}: {STUDY} is damaged: it does not say what the study is")
    return known


def _refuse_unnamed_storage(sweep_dir: Path, there: str | None, named: str | None) -> None:
    """A stranger's study may be in a database on a server of the stranger's, or in any file."""
    if there is not None and there != named:
        raise UserError(
            f"sweep.resume={sweep_dir}: its study is in the database {printable(there)}; only one that this command "
            "names is opened: add hydra.sweeper.storage=URL"
        )


def _open_study(sweep_dir: Path, options: dict[str, Any], words: Sequence[str], space: Space) -> optuna.Study:
    """The study in its database, made where it is not there; what it is stays as it was when it began."""
    if (sweep_dir / STUDY).exists():
        before = _known(sweep_dir)
        _refuse_unnamed_storage(sweep_dir, before.get("storage"), options["storage"])
        options |= {name: before.get(name) for name in ("storage", "study_name", "metric", "direction")}
        options |= _pruner_of(sweep_dir, before, options)
    else:
        options["study_name"] = options["study_name"] or sweep_dir.name
        options["direction"] = options["direction"] or ("minimize" if options["metric"] == "val/loss" else "maximize")
        about = {"words": _settings(words), **options, "scales": space.scales}
        write_whole(sweep_dir / STUDY, json.dumps(about, indent=2) + "\n")
    storage = options["storage"] or f"sqlite:///{sweep_dir / STUDY_DATABASE}"  # not in the file: directories are moved
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(
            storage=storage, study_name=options["study_name"], direction=options["direction"], load_if_exists=True
        )
    except Exception as error:  # of SQLAlchemy, or of whatever driver
        reason = str(error).splitlines()[0]
        raise UserError(f"hydra.sweeper.storage={storage}: cannot be opened: {reason}") from error
    study.sampler = _sampler(options, len(study.get_trials(deepcopy=False)))
    tell(f"study {options['study_name']} in {storage}")
    return study


def _pruner_of(sweep_dir: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The pruner of a study that goes on, and its settings: those that it began with."""
    defaults = {"pruner": "none", "startup_trials": None, "warmup_epochs": None}
    kept = {key: before.get(key, default) for key, default in defaults.items()}  # older studies have none
    for key, default in defaults.items():
        if now[key] not in (default, kept[key]):
            raise UserError(
                f"hydra.sweeper.{key}={now[key]} with sweep.resume={sweep_dir}: that study has "
                f"{'null' if kept[key] is None else printable(str(kept[key]))}, and keeps it; leave it out, or begin a "
                "new study"
            )
    try:
        check_study({**now, **kept, "params": None})
    except UserError as error:
        raise UserError(f"sweep.resume={sweep_dir}: {STUDY} is damaged: {error}") from error
    return kept


def _sampler(options: Mapping[str, Any], trials: int) -> optuna.samplers.BaseSampler:
    """Seeded; when a study goes on by other numbers, or its random trials would be those that it has already."""
    seed = options["seed"] + trials
    if options["sampler"] == "tpe":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # which of its options are experimental
            return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    return optuna.samplers.RandomSampler(seed=seed)


def _number_of_trials(options: Mapping[str, Any], space: Space, max_jobs: int) -> int:
    size = len(space.grid()) if options["sampler"] == "grid" else None
    number = min(options["n_trials"] or size or TRIALS, size or max_jobs + 1)
    if number > max_jobs:
        raise UserError(f"sweep.max_jobs={max_jobs}: {number:,} trials; if that is meant: sweep.max_jobs={number}")
    return number


def _checked_corners(
    space: Space, composer: Composer, options: Mapping[str, Any]
) -> list[tuple[list[str], dict[str, Any]]]:
    """Before the first trial: the words and configs of every choice and both ends of every interval.

    Raises:
        UserError: what they would be refused for.
    """
    problems: dict[str, str] = {}
    corners = []
    pruning = pruning_of(options)
    if pruning is not None:
        refuse_biased_search(pruning, list(space.searched))
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
    return corners


def _refuse_without_metric(config: Mapping[str, Any], metric: str) -> None:
    """A LightningModule that chooses its best by a metric of another name logs, as far as is known, none of ours."""
    monitor = (config["callbacks"].get("checkpoints") or {}).get("monitor")
    if learns_by_itself(config["model"]) and monitor not in (None, "val/acc", "val/loss"):
        raise UserError(
            f"callbacks.checkpoints.monitor={monitor} in a search by hydra.sweeper.metric={metric}: a LightningModule "
            f"must log {metric} itself, by that name; accepted: callbacks.checkpoints.monitor={metric}"
        )


# Trials


@dataclass
class Search:
    """Trials of a study as jobs of a sweep."""

    study: optuna.Study
    sweep_dir: Path
    space: Space
    options: Mapping[str, Any]
    composer: Composer
    trials: int  # how many the study is to have

    def run(
        self,
        jobs: list[FrozenJob],
        fail_fast: bool,
        context: HydraContext,
        task: TaskFunction,
        master: DictConfig,
    ) -> None:
        """Goes on with the `jobs` that were stopped, then asks for new ones until there are enough."""
        number = self.trials
        began, at_once = time.time(), _at_once(self.options["n_jobs"], master)
        plain = pruning.plain() if (pruning := pruning_of(self.options)) else None
        self._forget_trials_without_job(jobs)
        todo = self._tell(jobs)
        before = len(jobs) - len(todo)
        failed = sum(self._state(job).status == "failed" for job in jobs)
        tell(f"{number} trials in {self.sweep_dir}" + (f": {before} done" if before else ""))
        with reported(
            self.sweep_dir, jobs, f"go on with the study, with more trials, by sweep.resume={self.sweep_dir}"
        ):
            try:
                while todo or (todo := self._ask(min(at_once, number - len(jobs)), jobs)):
                    runner = Job(
                        task, self.sweep_dir, list(self.space.searched), number, before, began, fail_fast, failed
                    )
                    ready = [job for job in todo if not self._state(job).ended]
                    launcher = make_launcher(runner, self.sweep_dir, context, master, plain)
                    launch(launcher, ready, self.sweep_dir)
                    if fail_fast and any(self._state(job).status == "failed" for job in todo):
                        break
                    self._tell(jobs)
                    if any(map(self._lacks_metric, todo)):
                        break
                    todo = []
            finally:
                self._tell(jobs)
        self._say_best(jobs)

    def _ask(self, number: int, jobs: list[FrozenJob]) -> list[FrozenJob]:
        """New trials, added to the jobs and frozen; fewer where the grid ends."""
        asked: list[FrozenJob] = []
        for _ in range(number):
            if self.options["sampler"] == "grid" and not self._enqueue_next_of_grid():
                break
            trial = self.study.ask(self.space.searched)
            asked.append(self._freeze(trial, len(jobs) + len(asked)))
        jobs.extend(asked)
        write_jobs(self.sweep_dir, jobs)
        add_to_columns(self.sweep_dir, jobs)
        return asked

    def _freeze(self, trial: optuna.Trial, number: int) -> FrozenJob:
        """A trial that is refused is a job that has failed."""
        trial.set_user_attr(SWEEP, self.options["study_name"] if self._alone else str(self.sweep_dir))
        trial.set_user_attr(JOB, number)
        overrides = self.space.words(trial.params)
        name = self._folder(number, overrides)
        try:
            return CheckedJob(number, overrides, checked(overrides, self.composer), name)
        except UserError as error:
            reason = " ".join(str(error).split())
            folder = self.sweep_dir / name
            folder.mkdir(exist_ok=True)
            write_results(folder, {"status": "failed", "error": reason, "overrides": overrides})
            tell(f"{label(overrides, self.space.searched)}  refused: {reason}")
            return FrozenJob(number, overrides, {}, name)

    def _folder(self, number: int, overrides: list[str]) -> str:
        values = shown(overrides, [key.lstrip("+") for key in self.space.searched])
        return folder_of(number, max(self.trials, MAY_GROW), values, list(filter(self.composer.is_group, values)))

    def _enqueue_next_of_grid(self) -> bool:
        taken = [trial.params or planned_values(trial) for trial in self.study.get_trials()]
        values = next((values for values in self.space.grid() if values not in taken), None)
        if values is not None:
            self.study.enqueue_trial(values)
        return values is not None

    def _tell(self, jobs: Sequence[FrozenJob]) -> list[FrozenJob]:
        """Tells the study what has ended; gives the jobs that have not."""
        running = {trial.user_attrs[JOB]: trial for trial in self._own_trials() if trial.state == TrialState.RUNNING}
        for job in jobs:
            state = self._state(job)
            if job.number in running and state.ended:
                self._tell_one(running[job.number], state, self.sweep_dir / job.folder)
        return [job for job in jobs if not self._state(job).ended]

    def _tell_one(self, trial: FrozenTrial, state: JobState, run_dir: Path) -> None:
        if self.options["pruner"] != "none":
            for step, figure in figure_by_epoch(run_dir, self.options["metric"]).items():
                report(self.study, trial, step, figure)
        if state.status == "pruned":
            set_user_attribute(self.study, trial, REASON, state.reason)
            self.study.tell(trial.number, state=TrialState.PRUNED)  # its value is the last of those reported
            return
        value = state.results.get(self.options["metric"]) if state.status == "finished" else None
        if value is None:
            reason = state.reason or f"no {self.options['metric']}: there is no validation data"
            set_user_attribute(self.study, trial, REASON, reason)
        self.study.tell(trial.number, value, state=TrialState.COMPLETE if value is not None else TrialState.FAIL)

    def _forget_trials_without_job(self, jobs: Sequence[FrozenJob]) -> None:
        """Of a sweep that was killed between asking and writing down."""
        there = {number for number, _ in job_folders(self.sweep_dir)}
        for trial in self._own_trials():
            if trial.user_attrs[JOB] < len(jobs):
                continue
            if trial.state != TrialState.RUNNING and trial.user_attrs[JOB] in there:
                raise UserError(f"sweep.resume={self.sweep_dir}: {JOBS} is damaged: the study has more trials")
            if trial.state == TrialState.RUNNING:
                self.study.tell(trial.number, state=TrialState.FAIL)

    def _own_trials(self) -> Iterator[FrozenTrial]:
        """Not those of other sweeps on the same study."""
        name = self.options["study_name"] if self._alone else str(self.sweep_dir)
        for trial in self.study.get_trials(deepcopy=False):
            if trial.user_attrs.get(SWEEP) == name and type(trial.user_attrs.get(JOB)) is int:
                yield trial

    @property
    def _alone(self) -> bool:
        """Whether the study is in the sweep's own directory, which may be moved."""
        return self.options["storage"] is None

    def _state(self, job: FrozenJob) -> JobState:
        return read_state(self.sweep_dir / job.folder)

    def _lacks_metric(self, job: FrozenJob) -> bool:
        """Whether a job has finished and has no column of the metric: of a run that diverged it holds no number."""
        file = self.sweep_dir / job.folder / METRICS
        if self._state(job).status != "finished" or not file.is_file():
            return False
        return self.options["metric"] not in file.read_text(errors="replace").partition("\n")[0].split(",")

    def _say_best(self, jobs: Sequence[FrozenJob]) -> None:
        """
        Raises:
            SweepFailed: there is nothing to compare trials by.
        """
        metric = self.options["metric"]
        if lacking := next(filter(self._lacks_metric, jobs), None):
            raise SweepFailed(
                f"hydra.sweeper.metric={metric}: job {lacking.number} has finished and has no {metric}, so that trials "
                f"cannot be compared; accepted: validation data, and a model that logs {metric}"
            )
        if given_up := [job for job in jobs if self._state(job).status == "pruned"]:
            tell(f"{len(given_up)} of {len(jobs)} trials were given up by {self.options['pruner']}, and not tested")
        done = self.study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
        if done:
            best = self.study.best_trial
            words = " ".join(f"{key}={value}" for key, value in best.params.items())
            tell(f"best: {metric} {best.value:.4f}  {words}")


def _at_once(asked: int | None, master: DictConfig) -> int:
    if asked is not None:
        return asked
    launcher = master.hydra.launcher
    if str(launcher.get("_target_", "")).endswith("JoblibLauncher"):
        import joblib

        return joblib.effective_n_jobs(launcher.n_jobs)
    return 1
