"""What all callbacks share that write to loggers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from groundup.loggers.keepers import takes_pictures
from groundup.loggers.keepers import write_picture as give_picture


class Watcher(Callback):
    """Base of what is written to loggers while a network learns.

    A watcher changes nothing of a run: it draws no random numbers from the common generators and leaves the network in
    the mode in which it was. Lightning calls every hook of every callback, six of them a step and a microsecond and
    more each, unless it is None, which the hooks of a step are here; a subclass gives those that it needs.
    """

    on_train_batch_start = None  # type: ignore[assignment]
    on_before_zero_grad = None  # type: ignore[assignment]
    on_before_backward = None  # type: ignore[assignment]
    on_after_backward = None  # type: ignore[assignment]
    on_before_optimizer_step = None  # type: ignore[assignment]
    on_train_batch_end = None  # type: ignore[assignment]

    def on_steps_logged(self, trainer: Trainer, learner: Any) -> None:
        """After the learner has read the losses of the last steps and logged their mean."""


def anything(logger: Logger) -> bool:
    """Of any logger: all of them take figures."""
    return True


def is_tensorboard(logger: Logger) -> bool:
    """Whether a logger shows what others do not: histograms, PR curves, graphs, layouts of charts."""
    return isinstance(logger, TensorBoardLogger)


def is_watched(trainer: Trainer, by: Callable[[Logger], bool] = takes_pictures) -> bool:
    """Whether there is a logger of this kind to write to; the same in all processes of a run."""
    return any(by(logger) for logger in trainer.loggers)


def is_due(trainer: Trainer, every_n_epochs: int, by: Callable[[Logger], bool] = takes_pictures) -> bool:
    """Whether it is the turn of what is done every so many epochs, and in the last one, if it is watched.

    Early stopping decides at the very end of an epoch, too late to be known here.
    """
    done = trainer.current_epoch + 1
    last = done == trainer.max_epochs or trainer.global_step == trainer.max_steps
    return is_watched(trainer, by) and (done % every_n_epochs == 0 or last)


def begins(trainer: Trainer, by: Callable[[Logger], bool] = takes_pictures) -> bool:
    """Whether to write what is written once, before the first step: not when a run goes on."""
    return trainer.global_step == 0 and is_watched(trainer, by)


def last_step(trainer: Trainer) -> int:
    """The number of the last step taken, which the figures of an epoch are written at."""
    return max(0, trainer.global_step - 1)


def writers(trainer: Trainer) -> list[SummaryWriter]:
    """The event files; none in a process that writes nothing."""
    if not trainer.is_global_zero:
        return []
    return [logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]


def write_scalars(trainer: Trainer, values: Mapping[str, float], step: int) -> None:
    """Writes figures to all loggers."""
    for logger in trainer.loggers:
        logger.log_metrics(values, step=step)  # type: ignore[arg-type]


def write_picture(trainer: Trainer, tag: str, image: Image.Image, step: int) -> None:
    """Writes an image to all loggers that take some; in the first process alone."""
    for logger in trainer.loggers if trainer.is_global_zero else ():
        if takes_pictures(logger):
            give_picture(logger, tag, image, step)
