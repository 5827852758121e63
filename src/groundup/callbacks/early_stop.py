"""Early stopping across a resume."""

from __future__ import annotations

import logging

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason

log = logging.getLogger(__name__)


class EarlyStopHolds(Callback):
    """A run that early stopping has ended trains no more when it is resumed, unless its patience has been raised.

    Lightning's own trains on until its next check, an epoch each time, with the patience that the run began with.
    """

    def __init__(self) -> None:
        self._patience: list[int] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._patience = [callback.patience for callback in _watching(trainer)]  # a checkpoint comes after this

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for callback, patience in zip(_watching(trainer), self._patience, strict=True):
            callback.patience = patience
            if has_stopped(callback):
                trainer.should_stop = True
                log.info(
                    f"early stopping has ended this run ({callback.stopping_reason_message}): nothing is left to train"
                )


def has_stopped(callback: EarlyStopping) -> bool:
    """Whether this has ended the training that its state is of."""
    if callback.stopping_reason == EarlyStoppingReason.PATIENCE_EXHAUSTED:
        return callback.wait_count >= callback.patience
    return callback.stopping_reason != EarlyStoppingReason.NOT_STOPPED


def _watching(trainer: Trainer) -> list[EarlyStopping]:
    return [callback for callback in trainer.early_stopping_callbacks if isinstance(callback, EarlyStopping)]
