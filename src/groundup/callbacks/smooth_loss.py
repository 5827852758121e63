"""The training loss without its jitter."""

from __future__ import annotations

from collections import deque

from lightning.pytorch import Trainer

from groundup.callbacks.watcher import Watcher, write_scalars
from groundup.learning.learner import Learner


class SmoothLoss(Watcher):
    """Scalar `train/loss_smooth`: the mean loss of the last steps, written whenever losses are read.

    Args:
        window: steps.
    """

    def __init__(self, window: int = 60):
        self._losses: deque[float] = deque(maxlen=window)

    def on_steps_logged(self, trainer: Trainer, learner: Learner) -> None:
        self._losses.extend(learner.progress.meter.latest)
        write_scalars(trainer, {"train/loss_smooth": sum(self._losses) / len(self._losses)}, trainer.global_step)
