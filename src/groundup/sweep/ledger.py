"""What a study is told of the trials of one sweep. What their directories say is the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from groundup.borrowed.optuna import report, set_user_attribute
from groundup.errors import UserError
from groundup.rundir.epochs import figure_by_epoch
from groundup.rundir.folders import job_folders
from groundup.rundir.jobs import FrozenJob
from groundup.rundir.names import JOBS
from groundup.rundir.state import JobState, read_state

JOB, SWEEP, REASON = "job", "sweep", "reason"  # of a trial: its number and its sweep here, and why it failed


@dataclass
class Ledger:
    """Keeps a study up to what has become of the jobs of a sweep."""

    study: optuna.Study
    sweep_dir: Path
    options: Mapping[str, Any]

    def enter(self, trial: optuna.Trial, number: int) -> None:
        """Notes which job of which sweep a trial is."""
        trial.set_user_attr(SWEEP, self._sweep)
        trial.set_user_attr(JOB, number)

    def update(self, jobs: Sequence[FrozenJob]) -> list[FrozenJob]:
        """Tells the study what has ended; gives the jobs that have not."""
        running = {trial.user_attrs[JOB]: trial for trial in self._own_trials() if trial.state == TrialState.RUNNING}
        states = [read_state(self.sweep_dir / job.folder) for job in jobs]
        for job, state in zip(jobs, states, strict=True):
            if job.number in running and state.ended:
                self._tell(running[job.number], state, self.sweep_dir / job.folder)
        return [job for job, state in zip(jobs, states, strict=True) if not state.ended]

    def _tell(self, trial: FrozenTrial, state: JobState, run_dir: Path) -> None:
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

    def forget_trials_without_job(self, jobs: Sequence[FrozenJob]) -> None:
        """Of a sweep that was killed between asking and writing down.

        Raises:
            UserError: a trial has ended whose job is not among them.
        """
        if self._is_alone:  # asked for, and killed before it was said for what
            for trial in self.study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
                if JOB not in trial.user_attrs:
                    self.study.tell(trial.number, state=TrialState.FAIL)
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
        for trial in self.study.get_trials(deepcopy=False):
            if trial.user_attrs.get(SWEEP) == self._sweep and type(trial.user_attrs.get(JOB)) is int:
                yield trial

    @property
    def _sweep(self) -> str:
        return self.options["study_name"] if self._is_alone else str(self.sweep_dir)

    @property
    def _is_alone(self) -> bool:
        """Whether the study is in the sweep's own directory, which may be moved."""
        return self.options["storage"] is None
