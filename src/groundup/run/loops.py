"""Lightning's two training loops, where they lose steps: an epoch that ends early, a run that ends unvalidated."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Trainer

from groundup.borrowed.lightning import (
    DataFetcher,
    FitLoop,
    TrainingEpochLoop,
    accumulates,
    fetcher_of,
    is_epoch_trained,
    may_stop_early,
)


def use_own_loops(trainer: Trainer) -> None:
    """Has a Trainer that was just made train in the loops of this file."""
    fit, batches = trainer.fit_loop, trainer.fit_loop.epoch_loop
    trainer.fit_loop = Epochs(trainer, min_epochs=fit.min_epochs, max_epochs=fit.max_epochs)
    trainer.fit_loop.epoch_loop = Batches(trainer, min_steps=batches.min_steps, max_steps=batches.max_steps)


class Epochs(FitLoop):
    """Epochs, of which one that `max_steps` or `max_time` has cut short is not over: a run that may go on ends it."""

    def counts_in_steps(self) -> bool:
        return False  # else a run with `max_steps` goes through the end of an epoch again when it is resumed

    def state_dict(self, destination: dict | None = None, prefix: str = "") -> dict[str, Any]:
        state = super().state_dict(destination, prefix)
        if not is_epoch_trained(self.trainer):
            for counts in state[f"{prefix}epoch_progress"].values():
                counts["processed"] = counts["completed"]
        return state


class Batches(TrainingEpochLoop):
    """The batches of an epoch, and the validations between them. Training does not end with steps not validated."""

    def __init__(self, trainer: Trainer, min_steps: int | None = None, max_steps: int = -1):
        super().__init__(trainer, min_steps, max_steps)
        self._due = False  # a validation; it waits for the batches whose gradients make up one step

    def advance(self, data_fetcher: DataFetcher) -> None:
        if self.restarting:  # no checkpoint is made where a validation is due: what is next is always a batch
            self.restarting = False
        super().advance(data_fetcher)

    def on_advance_end(self, data_fetcher: DataFetcher) -> None:
        super().on_advance_end(data_fetcher)
        self._due = self._due and accumulates(self.trainer)

    def is_validation_due(self) -> bool:
        """Whether the batch that was just trained on is followed by a validation."""
        fetcher = fetcher_of(self.trainer)
        return fetcher is not None and self.should_validate(fetcher)

    def should_validate(self, data_fetcher: DataFetcher) -> bool:
        self._due = self._due or super().should_validate(data_fetcher) or self._is_last_of_training()
        return self._due and not accumulates(self.trainer)

    def _is_last_of_training(self) -> bool:
        return (self._steps_are_taken() or self._epochs_are_over()) and self.trainer.enable_validation

    def _steps_are_taken(self) -> bool:
        stopped = self.trainer.should_stop and may_stop_early(self.trainer)
        return stopped or 0 <= self.max_steps <= self.global_step

    def _epochs_are_over(self) -> bool:
        before = self.trainer.fit_loop.epoch_progress.current.processed  # type: ignore[attr-defined]
        return 0 <= (self.trainer.max_epochs or 0) <= before + 1 and is_epoch_trained(self.trainer)
