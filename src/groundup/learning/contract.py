"""What every way of learning is given, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, NotRequired, TypedDict

import torch
from torch import Tensor, nn

from groundup.errors import UserError
from groundup.learning.schedules import Schedule
from groundup.learning.torch_schedulers import TorchScheduler

MakeOptimizer = Callable[[Iterable[dict[str, list[tuple[str, nn.Parameter]]]]], torch.optim.Optimizer]


class Training(TypedDict):
    """What a run gives every way of learning beside the data set; see `Learner`. Its own options are not in it."""

    loss: nn.Module
    optimizer: MakeOptimizer
    lr_schedule: Schedule | TorchScheduler
    seed: NotRequired[int]


class Losses(NamedTuple):
    """The losses of a training batch.

    Attributes:
        loss: the mean over the batch, which is differentiated.
        logits: `(N, K)`, from which `train/acc` is computed; None if a training step predicts nothing.
        shown: the number that `train/loss` is the mean of, if it is another than `loss`.
    """

    loss: Tensor
    logits: Tensor | None = None
    shown: Tensor | None = None


def check_losses(given: Any, way: str, images: int, classes: int) -> Losses:
    """What a way of learning gives, if it is what the rest relies on: shapes that fit by chance give other figures.

    Args:
        way: its name, for messages.
        images: of the batch.
        classes: of the data set.

    Raises:
        UserError: it is no `Losses`, one of its losses no single number, or its logits are not `(N, K)`.
    """
    if not isinstance(given, Losses):
        raise _refusal(way, f"gives {type(given).__name__}", "groundup.learning.contract.Losses(loss, logits)")
    for name, loss in (("loss", given.loss), ("shown", given.shown)):
        if (name == "loss" or loss is not None) and (not isinstance(loss, Tensor) or loss.numel() != 1):
            raise _refusal(way, f"gives {_named(loss)} as {name}", "a tensor of one number, the mean over the batch")
    if not given.loss.requires_grad:
        raise _refusal(
            way, "gives a loss without a gradient", "one that can be differentiated with respect to the parameters"
        )
    if given.logits is not None and _shape(given.logits) != (images, classes):
        accepted = f"({images}, {classes}), a row an image and a column a class; or None, where a step predicts nothing"
        raise _refusal(way, f"gives {_named(given.logits)} as logits", accepted)
    return given


def _refusal(way: str, cause: str, accepted: str) -> UserError:
    return UserError(f"model: {way}.losses {cause}; accepted: {accepted}")


def _shape(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _named(value: Any) -> str:
    return f"a tensor of shape {_shape(value)}" if isinstance(value, Tensor) else type(value).__name__
