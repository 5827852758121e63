"""One job of a stack: its run directory, and the parts that a run alone has, kept as if Lightning had trained them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor

from groundup.callbacks.checkpoints import Checkpoints
from groundup.callbacks.gradient_norm import GradientNorm
from groundup.callbacks.interrupt import StopOnSignal
from groundup.callbacks.metrics_csv import MetricsCSV
from groundup.callbacks.prune import Judge
from groundup.callbacks.watcher import Watcher
from groundup.errors import Pruned, RunFailed, UserError
from groundup.learning.answers import Answered
from groundup.learning.checkpoint import load_checkpoint
from groundup.learning.learner import Learner
from groundup.run.answers import keep_answers, test_answers, was_validated
from groundup.run.figures import take_test, training_figures
from groundup.run.parts import Parts
from groundup.run.recorded import Recorded
from groundup.rundir.names import LAST
from groundup.spec import DatasetSpec
from groundup.sweep.stacked.batches import Evaluation
from groundup.sweep.stacked.log import Log
from groundup.sweep.stacked.noted import connect, count, log_epoch, restore, set_progress
from groundup.sweep.stacked.position import BEGINNING, Position


class Member:
    """A job of a stack.

    Args:
        config: checked.
        run_dir: of the job.
        overrides: what the user typed of it.
        stacked: jobs of the stack.
        position: where it goes on.
        judge: says after an epoch whether a study gives it up.

    Attributes:
        outcome: what `results.json` holds, or the error that ended the job; None while it goes on.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        run_dir: Path,
        overrides: Sequence[str],
        stacked: int,
        position: Position = BEGINNING,
        judge: Judge | None = None,
    ):
        self._resume = None if position == BEGINNING else run_dir / LAST
        self._position, self._judge = position, judge
        self.recorded = Recorded(config, run_dir, self._resume, overrides)
        self.recorded.results["stacked"] = stacked
        self.outcome: dict[str, Any] | BaseException | None = None
        self._directory = self.recorded.open()
        self._log = Log(run_dir)

    def begin(self, stop: StopOnSignal, spec: DatasetSpec | None = None) -> None:
        """Opens the run directory and assembles the parts of the run; `spec`: of its images, where one is made."""
        self._directory.__enter__()
        with self._log.on():
            parts = self.recorded.assemble(stop, spec, self._judge)
            parts.learner.to(parts.trainer.strategy.root_device)
            self.optimizer = parts.learner.configure_optimizers()
            connect(parts, self.optimizer)
            if self._resume is not None:
                restore(parts, self.optimizer, load_checkpoint(self._resume))
            asked_by_the_stack = (stop, parts.prune)  # when all members are where this one is
            self.callbacks = [callback for callback in parts.trainer.callbacks if callback not in asked_by_the_stack]  # type: ignore[attr-defined]
            self._watchers = [callback for callback in self.callbacks if isinstance(callback, Watcher)]
            self._norms = [callback for callback in self._watchers if isinstance(callback, GradientNorm)]

    @property
    def parts(self) -> Parts:
        assert self.recorded.parts is not None, "a member is assembled by begin()"
        return self.recorded.parts

    @property
    def learner(self) -> Learner:
        return self.parts.learner

    def end(self, error: BaseException | None = None) -> None:
        """Writes the results of a job that is done, or that `error` ended."""
        with self._log.on():
            try:
                if self.recorded.parts is not None and self.parts.trainer.global_step:
                    self.recorded.results |= training_figures(self.parts)
                self._directory.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
                self.outcome = self.recorded.results if isinstance(error, Pruned) else error or self.recorded.results
            except (UserError, RunFailed) as said:
                self.outcome = said

    # Training

    def start(self, total_steps: int, steps_per_epoch: int) -> None:
        """Starts the clock of training."""
        with self._log.on():
            trainer, at = self.parts.trainer, self._position
            set_progress(trainer.fit_loop.epoch_progress, at.epoch)
            if at != BEGINNING:
                count(trainer, at.step, at.batch or steps_per_epoch, steps_per_epoch)
            self.learner.begin(total_steps, steps_per_epoch)
            for callback in self.callbacks:
                if isinstance(callback, (Watcher, MetricsCSV)):
                    callback.on_train_start(trainer, self.learner)

    def measure(self) -> None:
        """Before a step that is logged: what is to be known of its gradients."""
        for callback in self._norms:
            callback.measure(self.learner)

    def begin_epoch(self, epoch: int) -> None:
        self.learner.train()
        for callback in self.callbacks:
            callback.on_train_epoch_start(self.parts.trainer, self.learner)

    def take(self, losses: Sequence[float], sizes: Sequence[int], rates: Sequence[float], hits: int) -> float:
        """Takes in the steps since the last time, and returns their mean loss. `hits` are those of the epoch so far.

        Raises:
            Diverged: a loss is not finite.
        """
        meter = self.learner.progress.meter
        mean = meter.take(losses, sizes, rates, self.parts.trainer.global_step)
        meter.hits = hits
        return mean

    def end_epoch(self, validation: Evaluation) -> None:
        """Validates, logs and saves."""
        with self._log.on():
            trainer, learner = self.parts.trainer, self.learner
            log_epoch(trainer, self._validate(validation))
            trainer.fit_loop.epoch_loop.val_loop.batch_progress.is_last_batch = len(validation) > 0
            set_progress(trainer.fit_loop.epoch_loop.val_loop.batch_progress, len(validation))
            trainer.fit_loop.epoch_progress.increment_processed()
            for callback in self._callbacks(checkpoints=False):
                callback.on_train_epoch_end(trainer, learner)
            log_epoch(trainer, learner.end_epoch())
            for callback in self._callbacks(checkpoints=True):
                callback.on_train_epoch_end(trainer, learner)
            trainer.fit_loop.epoch_progress.increment_completed()

    def look_back(self) -> None:
        """
        Raises:
            Pruned: it was given up before it was stopped.
        """
        if (prune := self.parts.prune) is not None and self._position != BEGINNING:
            prune.look_back(self.parts.trainer)
            prune.leave()

    def catch_up(self) -> None:
        """
        Raises:
            Pruned: it is given up after the epoch where it was stopped.
        """
        if (prune := self.parts.prune) is not None and self._position != BEGINNING:
            prune.catch_up(self.parts.trainer)
            prune.leave()

    def judge(self) -> None:
        """
        Raises:
            Pruned: it is given up.
        """
        if (prune := self.parts.prune) is not None:
            prune.judge(self.parts.trainer)
            prune.leave()

    def save(self) -> None:
        """Writes the checkpoint that the run can go on from, at this very step."""
        self.parts.trainer.save_checkpoint(self.recorded.run_dir / LAST)

    # Evaluation

    def begin_test(self, validation: Evaluation) -> None:
        """Ends training, and takes the chosen checkpoint; `validation`: images to ask it about, if need be."""
        with self._log.on():
            self.learner.on_train_end()
            self.recorded.results |= training_figures(self.parts)
            if self.parts.checkpoints is not None:
                self.parts.checkpoints.load(self.learner, Checkpoints.folder(self.parts.trainer))
            self._validated = self._answers_to(validation)
            self._begin_evaluation("test")

    @torch.no_grad()
    def _answers_to(self, validation: Evaluation) -> Answered | None:
        """Answers to the validation images by the chosen weights."""
        answers = self.learner.validation_answers
        if not was_validated(self.parts):
            self.learner.eval()
            self.learner.begin_evaluation()
            for number, batch in enumerate(validation):
                self.learner.validation_step(batch, number)
            answers = self.learner.answers
        return self.learner.read_answers("val", answers)

    def end_test(self) -> None:
        """Writes down what came of the test, and is done."""
        with self._log.on():
            metrics = self._evaluated("test")
            for logger in self.parts.trainer.loggers if metrics else ():
                logger.log_metrics(metrics, step=self.parts.trainer.global_step)
            if metrics:
                self._tell("on_test_end")
            take_test(self.parts, self.recorded.results, metrics)
            tested = test_answers(self.parts, metrics) if metrics else None
            keep_answers(self.parts, self.recorded.results, self._validated, tested)
        self.end()

    def _validate(self, batches: Evaluation) -> dict[str, float]:
        self._begin_evaluation("validation")
        for batch in batches:
            self.see(batch)
        metrics = self._evaluated("val")
        if metrics:
            self._tell("on_validation_end")
        return metrics

    def _begin_evaluation(self, stage: str) -> None:
        self.learner.eval()
        self.learner.begin_evaluation()
        self._seen = 0  # batches
        self._tell(f"on_{stage}_start")

    @torch.no_grad()
    def see(self, batch: tuple[Tensor, Tensor]) -> None:
        """Takes in a batch of the split that is evaluated."""
        logits = self.learner.validation_step(batch, self._seen)
        for callback in self._watchers:
            # that of the test does the same
            callback.on_validation_batch_end(self.parts.trainer, self.learner, logits, batch, self._seen)
        self._seen += 1

    def _evaluated(self, split: str) -> dict[str, float]:
        """The metrics of all batches seen, `val/acc` and so on; none without any."""
        return self.learner.end_evaluation(split) if self._seen else {}

    def _tell(self, hook: str) -> None:
        for callback in self._watchers:
            getattr(callback, hook)(self.parts.trainer, self.learner)

    def _callbacks(self, checkpoints: bool) -> list[Callback]:
        """Checkpoints come last, as Lightning has it: what they save includes what the others did."""
        return [callback for callback in self.callbacks if isinstance(callback, Checkpoint) == checkpoints]
