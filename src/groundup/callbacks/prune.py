"""Ends a run that a study gives up, after an epoch: its checkpoint stays, and it is not tested."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from groundup.borrowed.lightning import is_epoch_trained, may_stop_early
from groundup.errors import Pruned
from groundup.rundir.pruned import Decision, read_decision, write_decision

Judge = Callable[[int], Decision | None]  # of the number of epochs trained; None: train on


class Prune(Checkpoint):
    """Asks a judge after each epoch whether the run is given up.

    A Checkpoint to Lightning: it comes after `metrics.csv` and the checkpoint of the epoch were written, which the
    judge reads, and which stay. The last epoch is not judged: nothing is saved by it.

    Args:
        judge: of the run.

    Attributes:
        decision: that the run is given up; None while it is not.
    """

    def __init__(self, judge: Judge):
        self._judge = judge
        self.decision: Decision | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.look_back(trainer)
        if self.decision is not None:
            trainer.should_stop = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.catch_up(trainer)
        if self.decision is not None:
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if is_epoch_trained(trainer):
            self.judge(trainer)
        if self.decision is not None:
            trainer.should_stop = True

    def look_back(self, trainer: Trainer) -> None:
        """For a run that goes on: what was decided stays so."""
        self.decision = read_decision(_run_dir(trainer))

    def catch_up(self, trainer: Trainer) -> None:
        """For a run that goes on where it was: asks about its last epoch, which nobody may have been asked about.

        The run may have been killed after the rows of the epoch and before the judge was asked, and would pass this
        epoch for good. Asked a second time of the same figures, the judge says what it has said.
        """
        if self.decision is None and _trained(trainer):
            self.judge(trainer)

    def judge(self, trainer: Trainer) -> None:
        """At the end of an epoch: asks, and writes down what was decided."""
        if not may_stop_early(trainer) or _ends(trainer):
            return
        self.decision = self._judge(_trained(trainer))
        if self.decision is not None:
            write_decision(_run_dir(trainer), self.decision)

    def leave(self) -> None:
        """
        Raises:
            Pruned: the run is given up.
        """
        if self.decision is not None:
            raise Pruned(self.decision.reason)


def _ends(trainer: Trainer) -> bool:
    """Whether training ends here in any case."""
    is_last = _trained(trainer) == trainer.max_epochs or trainer.global_step == trainer.max_steps
    return is_last or trainer.should_stop


def _trained(trainer: Trainer) -> int:
    """Epochs, with the one that ends."""
    return trainer.fit_loop.epoch_progress.current.processed  # type: ignore[attr-defined]


def _run_dir(trainer: Trainer) -> Path:
    return Path(trainer.default_root_dir)
