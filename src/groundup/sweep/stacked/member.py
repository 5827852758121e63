"""One job of a stack: its run directory, and the parts that a run alone has, kept as if Lightning had trained them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.trainer.states import TrainerFn, TrainerStatus
from torch import Tensor

from groundup.borrowed.lightning import load_callbacks, set_batches_that_stepped
from groundup.callbacks.checkpoints import AtomicCheckpointIO, Checkpoints
from groundup.callbacks.gradient_norm import GradientNorm
from groundup.callbacks.interrupt import StopOnSignal
from groundup.callbacks.metrics_csv import MetricsCSV
from groundup.callbacks.prune import Judge
from groundup.callbacks.watcher import Watcher
from groundup.errors import Pruned, RunFailed, UserError, log_of_tracebacks
from groundup.learning.answers import Answered
from groundup.learning.checkpoint import load_checkpoint
from groundup.learning.learner import Learner
from groundup.printable import PrintableFormatter
from groundup.run.answers import keep_answers, test_answers, was_validated
from groundup.run.figures import take_test, training_figures
from groundup.run.parts import Parts
from groundup.run.recorded import Recorded
from groundup.rundir.identity import STACKED
from groundup.rundir.links import LogFile
from groundup.rundir.names import LAST, LOG
from groundup.spec import DatasetSpec
from groundup.sweep.stacked.batches import Evaluation
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
            _connect(parts, self.optimizer)
            if self._resume is not None:
                _restore(parts, self.optimizer, load_checkpoint(self._resume))
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
            _set(trainer.fit_loop.epoch_progress, at.epoch)
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
            _log_epoch(trainer, self._validate(validation))
            trainer.fit_loop.epoch_loop.val_loop.batch_progress.is_last_batch = len(validation) > 0
            _set(trainer.fit_loop.epoch_loop.val_loop.batch_progress, len(validation))
            trainer.fit_loop.epoch_progress.increment_processed()
            for callback in self._callbacks(checkpoints=False):
                callback.on_train_epoch_end(trainer, learner)
            _log_epoch(trainer, learner.end_epoch())
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


class Log:
    """A job's `train.log`: all that is said in `on()`; of that, the terminal shows warnings only."""

    def __init__(self, run_dir: Path):
        self._name = run_dir.name
        self._file = LogFile(run_dir / LOG, encoding="utf-8", delay=True)
        self._file.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s %(message)s"))

    @contextmanager
    def on(self) -> Iterator[None]:
        root = logging.getLogger()
        before = (root.handlers[:], log_of_tracebacks.handlers[:], log_of_tracebacks.propagate)
        level = root.level
        warnings = [_Warnings(handler, self._name) for handler in before[0] if _is_console(handler)]
        root.handlers[:] = [self._file, *warnings]
        root.setLevel(min(level, logging.INFO))
        log_of_tracebacks.handlers[:], log_of_tracebacks.propagate = [self._file], False
        try:
            yield
        finally:
            root.handlers[:], log_of_tracebacks.handlers[:], log_of_tracebacks.propagate = before
            root.setLevel(level)
            self._file.close()  # opened again by the next record: a thousand jobs need not hold a thousand files


def _is_console(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler)


class _Warnings(logging.Handler):
    """Passes warnings on to another handler, with the name of the job."""

    def __init__(self, handler: logging.Handler, job: str):
        super().__init__(logging.WARNING)
        self._handler, self._job = handler, job

    def emit(self, record: logging.LogRecord) -> None:
        named = logging.makeLogRecord(record.__dict__ | {"msg": f"job {self._job}: {record.getMessage()}", "args": ()})
        self._handler.handle(named)


# What Lightning's loops would have noted. Its checkpoints are made of these, and a run alone goes on from them.


def _connect(parts: Parts, optimizer: torch.optim.Optimizer) -> None:
    """Brings a Trainer into the state that it has while it trains."""
    trainer, learner = parts.trainer, parts.learner
    trainer.strategy.connect(learner)
    learner.trainer = trainer
    trainer.strategy.optimizers = [optimizer]
    trainer.datamodule = parts.data  # type: ignore[attr-defined]
    trainer.state.fn, trainer.state.status = TrainerFn.FITTING, TrainerStatus.RUNNING
    trainer.training = True
    assert isinstance(trainer.strategy.checkpoint_io, AtomicCheckpointIO)
    trainer.strategy.checkpoint_io.marks[STACKED] = True


def _restore(parts: Parts, optimizer: torch.optim.Optimizer, checkpoint: dict[str, Any]) -> None:
    """What a checkpoint holds beside the weights; where its run was follows from the position."""
    [state] = checkpoint["optimizer_states"]
    optimizer.load_state_dict(state)
    parts.learner.on_load_checkpoint(checkpoint)
    load_callbacks(parts.trainer, checkpoint)


def begin_epoch(trainer: Trainer) -> None:
    """Notes that an epoch begins."""
    trainer.fit_loop.epoch_loop.val_loop.batch_progress.total.reset()
    trainer.fit_loop.epoch_progress.increment_ready()
    trainer.fit_loop.epoch_progress.increment_started()


def count(trainer: Trainer, step: int, batch: int, batches: int) -> None:
    """Notes where training is.

    Args:
        trainer: of the member.
        step: steps taken in all.
        batch: batches of this epoch that were trained on.
        batches: of an epoch.
    """
    loop = trainer.fit_loop.epoch_loop
    optimizer = loop.automatic_optimization.optim_progress.optimizer
    _set(optimizer.step, batch, step)
    _set(optimizer.zero_grad, batch, step)
    _set(loop.batch_progress, batch, step)
    loop.batch_progress.is_last_batch = batch == batches
    set_batches_that_stepped(trainer, step - (batch < batches))  # Lightning counts both after the hooks that may save
    if batch < batches:
        loop.batch_progress.current.completed -= 1
        loop.batch_progress.total.completed -= 1


def _set(progress: Any, current: int, total: int | None = None) -> None:
    for tracker, number in ((progress.current, current), (progress.total, current if total is None else total)):
        for field in vars(tracker):
            setattr(tracker, field, number)


def _log_epoch(trainer: Trainer, metrics: Mapping[str, float]) -> None:
    """What `LightningModule.log_dict` does with the metrics of an epoch, whose last step they belong to."""
    tensors = {name: torch.as_tensor(value) for name, value in metrics.items()}
    trainer.callback_metrics.update(tensors)
    for logger in trainer.loggers if metrics else ():
        logger.log_metrics({name: float(value) for name, value in tensors.items()}, step=trainer.global_step - 1)
