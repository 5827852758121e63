"""How far a training is: its clock, and the sums of its epoch. What a checkpoint knows of it, so that it goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from lightning.pytorch import Trainer

from groundup.borrowed.lightning import fetcher_of
from groundup.data.loaders import TrainingLoader
from groundup.data.module import ImageData
from groundup.errors import UserError
from groundup.learning.meter import TrainMeter

MakeMeter = Callable[[int, torch.device | str], Any]  # a TrainMeter, or what stands for one

KEYS = {"batch", "batch_size", "sums", "seconds", "samples"}  # of `TrainingProgress.state`


def steps_of(trainer: Trainer) -> tuple[int, int]:
    """Optimizer steps of a training that begins, in all and in an epoch.

    Raises:
        UserError: `trainer.min_steps` asks for more, or the training data have no length.
    """
    if math.isinf(trainer.num_training_batches):
        raise UserError(
            "data: its training loader has no length, so the length of an epoch is not known; give "
            "trainer.limit_train_batches=BATCHES of an epoch"
        )
    total = int(trainer.estimated_stepping_batches)
    if (least := trainer.min_steps or 0) > total:
        raise UserError(f"trainer.min_steps={least}: this training has {total}; accepted: at most as many")
    return total, max(1, -(-int(trainer.num_training_batches) // trainer.accumulate_grad_batches))


def next_batch(trainer: Trainer) -> int:
    """The number of the batch that a training goes on with, in its epoch."""
    batches = trainer.fit_loop.epoch_loop.batch_progress
    return 0 if batches.is_last_batch else batches.current.ready


class TrainingProgress:
    """The clock of a training and the sums of its epoch, over all parts of a run that was stopped and resumed.

    Args:
        make_meter: for so many steps, on a device.

    Attributes:
        meter: of the steps that this process has taken of the epoch in this part of the run.
        is_resumed: whether the run goes on from a checkpoint.
        counted: step and batch whose loss the meter has taken in last; kept by who feeds it.
    """

    def __init__(self, make_meter: MakeMeter = TrainMeter) -> None:
        self._make_meter = make_meter
        self.meter = make_meter(1, "cpu")
        self.is_resumed = False
        self.counted: tuple[int, int] | None = None
        self._batch = 0  # of its epoch, that a resumed run goes on with
        self._sums_before = [0.0, 0.0, 0.0]  # loss, hits, images of this epoch, before the run was stopped
        self._samples_before = 0  # images of whole epochs
        self._seconds_before, self._started = 0.0, 0.0

    def begin(self, trainer: Trainer) -> None:
        """Starts the clock of training, and goes on with its sums."""
        self._started = time.perf_counter()
        self.meter = self._make_meter(trainer.log_every_n_steps, trainer.strategy.root_device)  # type: ignore[attr-defined]
        loss, *counts = self._sums_before
        self._sums_before = [0.0, *counts]
        self.meter.loss_sum = loss if trainer.is_global_zero else 0.0  # added to: a sum depends on its order

    def go_on_within_epoch(self, trainer: Trainer) -> None:
        """Has a resumed run's training data begin with the batch that is next."""
        if not self.is_resumed:
            return
        data, loader = trainer.datamodule, trainer.train_dataloader  # type: ignore[attr-defined]
        if isinstance(data, ImageData):
            assert data.train_order is not None, "training begins with its loader"
            data.train_order.set_epoch(trainer.current_epoch)
            data.train_order.start = self._batch
        elif isinstance(loader, TrainingLoader):
            loader.start = self._batch
            if fetcher := fetcher_of(trainer):
                iter(fetcher)  # anew: of a loader without a length Lightning has taken a batch already

    def end(self) -> None:
        """Stops the clock."""
        self._seconds_before, self._started = self.seconds, 0.0

    @property
    def seconds(self) -> float:
        """Wall time since training started, validation included."""
        return self._seconds_before + (time.perf_counter() - self._started if self._started else 0.0)

    def samples(self, trainer: Trainer) -> int:
        """Training images so far, over all processes."""
        return self._samples_before + int(self._sums_before[2]) + self.meter.count * trainer.world_size

    def metrics(self, trainer: Trainer) -> dict[str, float]:
        """`train/loss` and `train/acc` of the epoch so far, over all processes, as seen while training.

        There is no `train/acc` where a step has predicted nothing.
        """
        loss_sum, hits, count = self._sums(trainer)
        if count == 0:
            return {}
        accuracy = {} if math.isnan(hits) else {"train/acc": hits / count}
        return {"train/loss": loss_sum / count} | accuracy

    def end_epoch(self, trainer: Trainer) -> None:
        """Begins the sums of a new epoch, unless this one has ended before its last batch: then it goes on."""
        if not trainer.is_last_batch:
            return
        self._samples_before += int(self._sums(trainer)[2])
        self._sums_before = [0.0, 0.0, 0.0]
        self.meter.reset()

    def state(self, trainer: Trainer) -> dict[str, Any]:
        """For a checkpoint: plain numbers."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        return {
            "batch": next_batch(trainer),
            # nobody knows by what name another data module has it; all of its keys must stay
            "batch_size": data.batch_size if isinstance(data, ImageData) else None,
            "sums": self._sums(trainer),
            "seconds": self.seconds,
            "samples": self._samples_before,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `state` gave."""
        self.is_resumed, self._batch = True, state["batch"]
        self._sums_before, self._samples_before = list(state["sums"]), state["samples"]
        self._seconds_before = state["seconds"]

    def _sums(self, trainer: Trainer) -> list[float]:
        """Loss, hits and images of the epoch so far, over all processes."""
        self.meter.read(trainer.global_step)
        sums = [self.meter.loss_sum, float(self.meter.hits), float(self.meter.count)]
        if trainer.world_size > 1:
            own = torch.tensor(sums, dtype=torch.float64, device=trainer.strategy.root_device)
            sums = trainer.strategy.reduce(own, reduce_op="sum").tolist()  # type: ignore[union-attr]
        return [before + now for before, now in zip(self._sums_before, sums, strict=True)]
