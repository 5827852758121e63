"""What every way of learning is given, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, NotRequired, TypedDict

import torch
from torch import Tensor, nn

from groundup.learning.schedules import Schedule

MakeOptimizer = Callable[[Iterable[dict[str, list[tuple[str, nn.Parameter]]]]], torch.optim.Optimizer]


class Training(TypedDict):
    """What a run gives every way of learning beside the data set, see `Learner`; options of its own come apart."""

    loss: nn.Module
    optimizer: MakeOptimizer
    lr_schedule: Schedule
    seed: NotRequired[int]


class Losses(NamedTuple):
    """What a training batch comes to.

    Attributes:
        loss: what is differentiated, a mean over the batch.
        logits: `(N, K)`, of which `train/acc` is counted; None where a training step predicts nothing.
        shown: what `train/loss` is the mean of, where that is another number than `loss`.
    """

    loss: Tensor
    logits: Tensor | None = None
    shown: Tensor | None = None
