"""Ctrl-C and SIGTERM: save, say so, stop."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from groundup.borrowed.lightning import accumulates, end_batch
from groundup.callbacks.checkpoints import Checkpoints
from groundup.errors import Interrupted
from groundup.learning.learner import Learner
from groundup.rundir.names import LAST
from groundup.signals import Requests

log = logging.getLogger(__name__)

AGREE_EVERY = 50  # steps
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopOnSignal(Checkpoint):
    """Ends training after the step in which a signal came, with a checkpoint that resumes at that very step.

    A Checkpoint to Lightning, so that at the end of an epoch it comes after `Checkpoints` has saved that epoch.

    As a context manager it answers signals outside of training at once, and restores the handlers that were there. In
    a thread it answers none: Python has them come to the main thread alone.
    A second signal does not wait for the step to end; the last checkpoint then stays as it is.

    Args:
        saves: False of what cannot go on, which is stopped without a checkpoint.
    """

    def __init__(self, saves: bool = True) -> None:
        self._saves = saves
        self.signum: int | None = None
        self._requests = Requests()
        self._in_training = False
        self._held = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopOnSignal:
        if threading.current_thread() is threading.main_thread():
            self._before = {signum: signal.getsignal(signum) for signum in SIGNALS}
        self._install()
        return self

    def hold(self) -> None:
        """Lets signals wait until `setup`; processes that are started meanwhile inherit that.

        While processes look for one another, one that a signal ended would leave the others waiting for it.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self._held = True

    def _release(self) -> None:
        if self._held:
            self._held = False
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._release()

    def __exit__(self, *_: object) -> None:
        self._release()
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def _install(self) -> None:
        for signum, before in self._before.items():
            if before is not signal.SIG_IGN:  # as it was for our parent: nohup, a job of a sweep
                signal.signal(signum, self._on_signal)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if not self._requests.is_new():
            return
        if not self._in_training or self.signum is not None:
            raise Interrupted(signum)
        self.signum = signum
        log.warning(f"{signal.Signals(signum).name}: stopping after this step (once more: stop at once)")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._install()  # again: Lightning has put its own handler of SIGTERM in between
        self._in_training = True

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.signum is None and trainer.world_size == 1:
            return
        epoch_loop: Any = trainer.fit_loop.epoch_loop  # our own
        if epoch_loop.done or accumulates(trainer) or epoch_loop.is_validation_due():
            return  # the end of the epoch comes next, or gradients that no checkpoint holds, or a validation
        if trainer.world_size > 1 and epoch_loop.batch_idx % AGREE_EVERY:
            return  # processes agree on a step now and then, not at every one
        if self.signum is not None and not isinstance(pl_module, Learner):
            end_batch(trainer, outputs, batch, batch_idx)  # a part of the step, such as a mean of weights
        self._save_and_stop(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._in_training and not trainer.fit_loop.epoch_loop.done:
            self._save_and_stop(trainer)

    def _save_and_stop(self, trainer: Trainer) -> None:
        signum = self._agreed_signal(trainer)
        if signum is None:
            return
        if self._saves:
            trainer.save_checkpoint(Checkpoints.folder(trainer) / LAST.name)
        raise Interrupted(signum)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        signum = self._agreed_signal(trainer)
        if signum is not None:
            raise Interrupted(signum)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._in_training = False

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._in_training = False

    def _agreed_signal(self, trainer: Trainer) -> int | None:
        """The signal that any process has got."""
        if trainer.world_size == 1:
            return self.signum
        mine = torch.tensor(self.signum or 0, device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(mine, reduce_op="max")) or None
