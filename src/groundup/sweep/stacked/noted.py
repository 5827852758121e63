"""What Lightning's loops would have noted of a job of a stack: checkpoints are made of it, and a run alone goes on from
them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.trainer.states import TrainerFn, TrainerStatus

from groundup.borrowed.lightning import load_callbacks, set_batches_that_stepped
from groundup.callbacks.checkpoints import AtomicCheckpointIO
from groundup.run.parts import Parts
from groundup.rundir.identity import STACKED


def connect(parts: Parts, optimizer: torch.optim.Optimizer) -> None:
    """Brings a Trainer into the state that it has while it trains."""
    trainer, learner = parts.trainer, parts.learner
    trainer.strategy.connect(learner)
    learner.trainer = trainer
    trainer.strategy.optimizers = [optimizer]
    trainer.datamodule = parts.data  # type: ignore[attr-defined]
    trainer.state.fn, trainer.state.status = TrainerFn.FITTING, TrainerStatus.RUNNING
    trainer.training = True
    assert isinstance(trainer.strategy.checkpoint_io, AtomicCheckpointIO)
    trainer.strategy.checkpoint_io.marks[STACKED] = True


def restore(parts: Parts, optimizer: torch.optim.Optimizer, checkpoint: dict[str, Any]) -> None:
    """What a checkpoint holds beside the weights; where its run was follows from the position."""
    [state] = checkpoint["optimizer_states"]
    optimizer.load_state_dict(state)
    parts.learner.on_load_checkpoint(checkpoint)
    load_callbacks(parts.trainer, checkpoint)


def begin_epoch(trainer: Trainer) -> None:
    """Notes that an epoch begins."""
    trainer.fit_loop.epoch_loop.val_loop.batch_progress.total.reset()
    trainer.fit_loop.epoch_progress.increment_ready()
    trainer.fit_loop.epoch_progress.increment_started()


def count(trainer: Trainer, step: int, batch: int, batches: int) -> None:
    """Notes where training is.

    Args:
        trainer: of the member.
        step: steps taken in all.
        batch: batches of this epoch that were trained on.
        batches: of an epoch.
    """
    loop = trainer.fit_loop.epoch_loop
    optimizer = loop.automatic_optimization.optim_progress.optimizer
    set_progress(optimizer.step, batch, step)
    set_progress(optimizer.zero_grad, batch, step)
    set_progress(loop.batch_progress, batch, step)
    loop.batch_progress.is_last_batch = batch == batches
    set_batches_that_stepped(trainer, step - (batch < batches))  # Lightning counts both after the hooks that may save
    if batch < batches:
        loop.batch_progress.current.completed -= 1
        loop.batch_progress.total.completed -= 1


def set_progress(progress: Any, current: int, total: int | None = None) -> None:
    for tracker, number in ((progress.current, current), (progress.total, current if total is None else total)):
        for field in vars(tracker):
            setattr(tracker, field, number)


def log_epoch(trainer: Trainer, metrics: Mapping[str, float]) -> None:
    """What `LightningModule.log_dict` does with the metrics of an epoch, whose last step they belong to."""
    tensors = {name: torch.as_tensor(value) for name, value in metrics.items()}
    trainer.callback_metrics.update(tensors)
    for logger in trainer.loggers if metrics else ():
        logger.log_metrics({name: float(value) for name, value in tensors.items()}, step=trainer.global_step - 1)
