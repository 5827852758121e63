"""How fast training goes."""

from __future__ import annotations

import time

from lightning.pytorch import Trainer

from groundup.callbacks.watcher import Watcher, write_scalars
from groundup.learning.companion import course_of
from groundup.learning.learner import Learner


class Throughput(Watcher):
    """Scalar `time/samples_per_second`: training images a second since losses were last read in this epoch.

    Over all processes. Validation and what is done between epochs are left out.
    """

    def __init__(self) -> None:
        self._before: tuple[float, int] | None = None  # when losses were last read, and the images by then

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        self._before = time.perf_counter(), course_of(trainer, pl_module).progress.samples(trainer)

    def on_steps_logged(self, trainer: Trainer, learner: Learner) -> None:
        now, seen = time.perf_counter(), learner.progress.samples(trainer)
        if self._before is not None:  # it is where a run goes on within an epoch, which then does not start
            then, seen_then = self._before
            write_scalars(trainer, {"time/samples_per_second": (seen - seen_then) / (now - then)}, trainer.global_step)
        self._before = now, seen
