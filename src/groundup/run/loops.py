"""Lightning's two training loops, where they lose steps: an epoch that ends early, a run that ends unvalidated."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loops.fetchers import _DataFetcher
from lightning.pytorch.loops.fit_loop import _FitLoop
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop


def use_own_loops(trainer: Trainer) -> None:
    """Has a Trainer that was just made train in the loops of this file."""
    fit, batches = trainer.fit_loop, trainer.fit_loop.epoch_loop
    trainer.fit_loop = Epochs(trainer, min_epochs=fit.min_epochs, max_epochs=fit.max_epochs)
    trainer.fit_loop.epoch_loop = Batches(trainer, min_steps=batches.min_steps, max_steps=batches.max_steps)


class Epochs(_FitLoop):
    """Epochs, of which one that `max_steps` or `max_time` has cut short is not over: a run that may go on ends it."""

    def _iteration_based_training(self) -> bool:
        return False  # else a run with `max_steps` goes through the end of an epoch again when it is resumed

    def state_dict(self, destination: dict | None = None, prefix: str = "") -> dict[str, Any]:
        state = super().state_dict(destination, prefix)
        if not self.epoch_loop._num_ready_batches_reached():
            for counts in state[f"{prefix}epoch_progress"].values():
                counts["processed"] = counts["completed"]
        return state


class Batches(_TrainingEpochLoop):
    """The batches of an epoch, and the validations between them. Training does not end with steps not validated."""

    def __init__(self, trainer: Trainer, min_steps: int | None = None, max_steps: int = -1):
        super().__init__(trainer, min_steps, max_steps)
        self._due = False  # a validation; it waits for the batches whose gradients make up one step

    def advance(self, data_fetcher: _DataFetcher) -> None:
        if self.restarting:  # no checkpoint is made where a validation is due: what is next is always a batch
            self.restarting = False
        super().advance(data_fetcher)

    def on_advance_end(self, data_fetcher: _DataFetcher) -> None:
        super().on_advance_end(data_fetcher)
        self._due = self._due and self._should_accumulate()

    def on_save_checkpoint(self) -> dict[str, Any]:
        state = super().on_save_checkpoint()
        if self.trainer.validating:
            state["_batches_that_stepped"] += 1  # which Lightning counts after the validation
        return state

    def is_validation_due(self) -> bool:
        """Whether the batch that was just trained on is followed by a validation."""
        fetcher = self.trainer.fit_loop._data_fetcher
        return fetcher is not None and self._should_check_val_fx(fetcher)

    def _should_check_val_fx(self, data_fetcher: _DataFetcher) -> bool:
        self._due = self._due or super()._should_check_val_fx(data_fetcher) or self._is_last_of_training()
        return self._due and not self._should_accumulate()

    def _is_last_of_training(self) -> bool:
        return (self._steps_are_taken() or self._epochs_are_over()) and self.trainer.enable_validation

    def _steps_are_taken(self) -> bool:
        stopped = self.trainer.should_stop and self.trainer.fit_loop._can_stop_early
        return stopped or 0 <= self.max_steps <= self.global_step

    def _epochs_are_over(self) -> bool:
        before = self.trainer.fit_loop.epoch_progress.current.processed  # type: ignore[attr-defined]
        return 0 <= (self.trainer.max_epochs or 0) <= before + 1 and self._num_ready_batches_reached()
