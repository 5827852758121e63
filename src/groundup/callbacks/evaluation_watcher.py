"""Callbacks that look at what an evaluation computes anyway: no image goes through the network twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from torch import Tensor

from groundup.callbacks.watcher import Watcher, is_due, is_watched, last_step, takes_pictures
from groundup.learning.learner import Learner
from groundup.learning.metrics import ConfusionCounts


class EvaluationWatcher(Watcher):
    """Base of those. A subclass gives `begin`, `see` and `show`.

    Args:
        every_n_epochs: how often to look at the validation, besides the last epoch; the test is always looked at.
    """

    shown_by = staticmethod(takes_pictures)  # the loggers that it writes to; without one it looks at nothing

    def __init__(self, every_n_epochs: int = 5):
        self.every_n_epochs = every_n_epochs
        self._looks = False

    def begin(self, learner: Learner) -> None:
        """Makes ready for an evaluation."""
        raise NotImplementedError

    def see(self, learner: Learner, images: Tensor, target: Tensor, logits: Tensor) -> None:
        """Takes in a batch, without waiting for the device."""
        raise NotImplementedError

    def show(self, trainer: Trainer, learner: Learner, split: str, step: int) -> None:
        """Writes what came of it; called in every process.

        Args:
            trainer: of the run.
            learner: of the run.
            split: `val` or `test`.
            step: to write at.
        """
        raise NotImplementedError

    def on_validation_start(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        self._begin(pl_module, not trainer.sanity_checking and is_due(trainer, self.every_n_epochs, self.shown_by))

    def on_test_start(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        self._begin(pl_module, is_watched(trainer, self.shown_by))

    def _begin(self, learner: Learner, looks: bool) -> None:
        self._looks = looks
        if looks:
            self.begin(learner)

    @torch.no_grad()
    def on_validation_batch_end(self, trainer: Trainer, pl_module: Learner, outputs: Tensor, batch: Any, *_: Any):  # type: ignore[override]
        if self._looks:
            images, target = batch
            self.see(pl_module, images, target, outputs)

    on_test_batch_end = on_validation_batch_end  # type: ignore[assignment]

    def on_validation_end(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        if self._looks:
            self.show(trainer, pl_module, "val", last_step(trainer))

    def on_test_end(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        if self._looks:
            self.show(trainer, pl_module, "test", trainer.global_step)


def moment(trainer: Trainer, split: str) -> str:
    """When an evaluation was, for a title."""
    return "test, the chosen checkpoint" if split == "test" else f"val, after epoch {trainer.current_epoch + 1}"


class CountWatcher(EvaluationWatcher):
    """Base of those that show how often each class was taken for each. A subclass gives `draw`."""

    def draw(self, trainer: Trainer, learner: Learner, split: str, step: int, counts: NDArray[np.int64]) -> None:
        """Writes what the counts of `ConfusionCounts.read` say; called in the first process alone."""
        raise NotImplementedError

    def begin(self, learner: Learner) -> None:
        self._counts = ConfusionCounts(learner.spec.num_classes, learner.device)

    def see(self, learner: Learner, images: Tensor, target: Tensor, logits: Tensor) -> None:
        self._counts.update(target, logits)

    def show(self, trainer: Trainer, learner: Learner, split: str, step: int) -> None:
        counts = self._counts.read(learner.sum_over_processes)
        if trainer.is_global_zero:
            self.draw(trainer, learner, split, step, counts)
