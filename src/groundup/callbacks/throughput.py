"""How fast training goes."""

from __future__ import annotations

import time

from lightning.pytorch import Trainer

from groundup.callbacks.watcher import Watcher, write_scalars
from groundup.learning.learner import Learner


class Throughput(Watcher):
    """Scalar `time/samples_per_second`: training images a second since losses were last read in this epoch.

    Over all processes. Validation and what is done between epochs are left out.
    """

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        self._since, self._seen = time.perf_counter(), pl_module.samples_seen

    def on_steps_logged(self, trainer: Trainer, learner: Learner) -> None:
        now, seen = time.perf_counter(), learner.samples_seen
        rate = (seen - self._seen) / (now - self._since)
        self._since, self._seen = now, seen
        write_scalars(trainer, {"time/samples_per_second": rate}, trainer.global_step)
