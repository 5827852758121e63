"""The trials of a study as jobs of a sweep: asked for, frozen, launched, and told about, until there are enough."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from optuna.trial import TrialState

from groundup.borrowed.optuna import planned_values
from groundup.command.tell import tell
from groundup.errors import SweepFailed, UserError
from groundup.rundir.folders import MAY_GROW, folder_of
from groundup.rundir.jobs import CheckedJob, FrozenJob, write_jobs
from groundup.rundir.names import METRICS
from groundup.rundir.overrides import label, shown
from groundup.rundir.results import write_results
from groundup.rundir.state import JobState, read_state
from groundup.sweep.checked_jobs import checked
from groundup.sweep.columns import add_to_columns
from groundup.sweep.compose import Composer
from groundup.sweep.job import Job
from groundup.sweep.launchers import launch
from groundup.sweep.ledger import Ledger
from groundup.sweep.outcome import reported, resuming
from groundup.sweep.pruning import pruning_of
from groundup.sweep.search_space import Space
from groundup.sweep.sweeper import make_launcher
from groundup.sweep.tally import strays


@dataclass
class Search:
    """Trials of a study as jobs of a sweep."""

    study: optuna.Study
    sweep_dir: Path
    space: Space
    options: Mapping[str, Any]
    composer: Composer
    trials: int  # how many the study is to have

    def __post_init__(self) -> None:
        self._ledger = Ledger(self.study, self.sweep_dir, self.options)

    def run(
        self,
        jobs: list[FrozenJob],
        fail_fast: bool,
        context: HydraContext,
        task: TaskFunction,
        master: DictConfig,
    ) -> None:
        """Goes on with the `jobs` that were stopped, then asks for new ones until there are enough.

        Raises:
            SweepFailed: a trial failed, or the first has no such metric.
            Interrupted: stopped by a signal.
        """
        self._ledger.forget_trials_without_job(jobs)
        todo = self._ledger.update(jobs)
        before, began = len(jobs) - len(todo), time.time()
        tell(f"{self.trials} trials in {self.sweep_dir}" + (f": {before} done" if before else ""))
        failed = sum(self._state(job).status == "failed" for job in jobs)
        runner = Job(task, self.sweep_dir, self.space.settings, self.trials, before, began, fail_fast, failed)
        plain = pruning.plain() if (pruning := pruning_of(self.options)) else None
        at_once = trials_at_once(self.options["n_jobs"], master)
        hint = f"go on with the study, with more trials, by {resuming(self.sweep_dir)}"
        with reported(self.sweep_dir, jobs, hint):
            try:
                while todo or (todo := self._ask(min(at_once, self.trials - len(jobs)), jobs)):
                    runner = replace(runner, strays=strays(self.sweep_dir, jobs))
                    launcher = make_launcher(runner, self.sweep_dir, context, master, plain)
                    launch(launcher, [job for job in todo if not self._state(job).ended], self.sweep_dir)
                    self._ledger.update(jobs)
                    if self._is_over(todo, fail_fast):
                        break
                    todo = []
            finally:
                self._ledger.update(jobs)
        self._say_best(jobs)

    def _is_over(self, ran: Sequence[FrozenJob], fail_fast: bool) -> bool:
        """Whether what these jobs have come to ends the search."""
        if fail_fast and any(self._state(job).status == "failed" for job in ran):
            return True
        return any(map(self._lacks_metric, ran))

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
        self._ledger.enter(trial, number)
        overrides = self.space.words(trial.params)
        name = self._folder(number, overrides)
        try:
            return CheckedJob(number, overrides, checked(overrides, self.composer), name)
        except UserError as error:
            reason = " ".join(str(error).split())
            folder = self.sweep_dir / name
            folder.mkdir(exist_ok=True)
            write_results(folder, {"status": "failed", "error": reason, "overrides": overrides})
            tell(f"{label(overrides, self.space.settings)}  refused: {reason}")
            return FrozenJob(number, overrides, {}, name)

    def _folder(self, number: int, overrides: list[str]) -> str:
        values = shown(overrides, self.space.settings)
        return folder_of(number, max(self.trials, MAY_GROW), values, list(filter(self.composer.is_group, values)))

    def _enqueue_next_of_grid(self) -> bool:
        taken = [trial.params or planned_values(trial) for trial in self.study.get_trials()]
        values = next((values for values in self.space.grid() if values not in taken), None)
        if values is not None:
            self.study.enqueue_trial(values)
        return values is not None

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


def trials_at_once(asked: int | None, master: DictConfig) -> int:
    """How many trials run at a time; `asked` is `hydra.sweeper.n_jobs`."""
    if asked is not None:
        return asked
    launcher = master.hydra.launcher
    if str(launcher.get("_target_", "")).endswith("JoblibLauncher"):
        import joblib

        return joblib.effective_n_jobs(launcher.n_jobs)
    return 1
