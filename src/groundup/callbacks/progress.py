"""How far a run is: a bar with the time left in a terminal, one line an epoch everywhere."""

from __future__ import annotations

import logging
import math
import sys
import time
from typing import Any

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Checkpoint, ProgressBar
from tqdm import tqdm

from groundup.learning.companion import course_of
from groundup.learning.learner import Learner

log = logging.getLogger(__name__)

FEW = 2  # batches, which take no time to speak of
REFRESH = 0.2  # seconds; a bar that is drawn at every step costs more than a small network's step


class Progress(ProgressBar, Checkpoint):
    """One bar over the whole training with the time left, and a line for every finished epoch.

    Where standard error is no terminal there is no bar, only the lines. A Checkpoint to Lightning, so that at the end
    of an epoch it comes after the module's own hook, which may log figures of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._bar: tqdm | None = None

    def disable(self) -> None:
        self._close()

    def on_train_start(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        self._next_refresh = 0.0
        self._epoch_start = time.perf_counter()
        if not (trainer.is_global_zero and sys.stderr.isatty()):
            return
        self._bar = tqdm(
            total=(trainer.max_epochs or 0) * int(trainer.num_training_batches),
            initial=trainer.global_step * trainer.accumulate_grad_batches,
            unit="step",
            leave=False,
            dynamic_ncols=True,
            bar_format="{desc} {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} steps, {rate_fmt}, {remaining} left",
        )

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        self._epoch_start = time.perf_counter()
        if self._bar:
            self._bar.set_description(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}", refresh=False)

    def on_train_batch_end(self, trainer: Trainer, *_: Any, **__: Any) -> None:
        if self._bar is None:
            return
        self._bar.n += 1
        now = time.perf_counter()
        if now >= self._next_refresh:
            self._next_refresh = now + REFRESH
            self._bar.refresh()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        course = course_of(trainer, pl_module)
        shown = ("val/loss", "val/acc") if isinstance(pl_module, Learner) else course.val_metrics
        metrics = course.trained | {name: course.val_metrics[name] for name in shown if name in course.val_metrics}
        if not trainer.is_global_zero:
            return
        figures = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        seconds = time.perf_counter() - self._epoch_start
        if self._bar:
            self._bar.clear()  # the line takes the bar's place, the bar is drawn again below
        log.info(f"epoch {trainer.current_epoch + 1:>3}/{trainer.max_epochs}  {figures}  {seconds:.2f} s")

    def on_train_end(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        self._close()

    def on_exception(self, trainer: Trainer, pl_module: Learner, exception: BaseException) -> None:  # type: ignore[override]
        self._close()

    def _close(self) -> None:
        if self._bar:
            self._bar.close()
            self._bar = None


class EvaluationProgress(Callback):
    """A bar over the batches of an evaluation with the time left, in a terminal."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def on_test_start(self, trainer: Trainer, *_: Any) -> None:
        self._begin(trainer.num_test_batches)

    def on_validation_start(self, trainer: Trainer, *_: Any) -> None:
        self._begin(trainer.num_val_batches)

    def on_test_batch_end(self, *_: Any, **__: Any) -> None:
        if self._bar:
            self._bar.update()

    on_validation_batch_end = on_test_batch_end

    def on_test_end(self, *_: Any, **__: Any) -> None:
        if self._bar:
            self._bar.close()
            self._bar = None

    on_validation_end = on_exception = on_test_end

    def _begin(self, batches: list[int | float]) -> None:
        total = sum(batches)  # infinite where a loader does not say
        if total > FEW:
            known = int(total) if math.isfinite(total) else None
            self._bar = tqdm(total=known, unit=" batches", leave=False, dynamic_ncols=True, disable=None)
