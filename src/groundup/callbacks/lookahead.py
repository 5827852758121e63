"""Lookahead: slow weights that follow the network, and to which the network is put back every few steps."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor, nn

from groundup.borrowed.lightning import accumulates
from groundup.borrowed.torch import foreach_copy_, foreach_lerp_
from groundup.errors import UserError
from groundup.learning.companion import course_of
from groundup.learning.learner import Learner

log = logging.getLogger(__name__)


def float_state(module: nn.Module) -> dict[str, Tensor]:
    """The memory of a module's parameters and running statistics, by name; whole numbers, which count, are left out."""
    return {name: tensor for name, tensor in module.state_dict().items() if tensor.is_floating_point()}


def kept(step: int, total_steps: int, every: int, decay: float) -> float:
    """The share of themselves that slow weights keep after `step` of 1 to `total_steps`: decay^every (t / T)^3."""
    return decay**every * (step / total_steps) ** 3


@torch.no_grad()
def look_ahead(slow: Sequence[Tensor], fast: Sequence[Tensor], keep: float) -> None:
    """slow <- keep slow + (1 - keep) fast, fast <- slow, in place and without waiting for the device."""
    foreach_lerp_(list(slow), list(fast), 1 - keep)
    foreach_copy_(list(fast), list(slow))


class Lookahead(Callback):
    """Pulls the network towards slow weights (Zhang et al. 2019), with a share that grows (Jordan 2024, airbench94).

    Every `every` steps the slow weights move to the network but for the share `kept`, and the network takes them over,
    the statistics of batch norm too. After the last step, before it is validated and saved, it takes them once more.
    Training that is stopped earlier, by `early_stopping`, say, ends with the network's own weights.

    Args:
        every: steps.
        decay: of a step.
    """

    def __init__(self, every: int = 5, decay: float = 0.95):
        self.every, self.decay = every, decay
        self._slow: dict[str, Tensor] = {}
        self._fast: dict[str, Tensor] = {}

    def on_train_start(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        if not pl_module.automatic_optimization and not isinstance(pl_module, Learner):
            raise UserError(
                "callbacks.lookahead: the model takes its optimizer steps itself, so their number is not known"
            )
        self._fast = float_state(pl_module)
        # of a resumed run they are there already, on the CPU
        self._slow = {name: self._slow.get(name, fast).to(fast.device, copy=True) for name, fast in self._fast.items()}

    def on_train_batch_end(self, trainer: Trainer, pl_module: Learner, *_: Any) -> None:  # type: ignore[override]
        if accumulates(trainer):
            return  # no step was taken
        step, total_steps = trainer.global_step, course_of(trainer, pl_module).total_steps
        if step % self.every == 0:
            self._look_ahead(kept(step, total_steps, self.every, self.decay))
        elif step == total_steps:
            self._look_ahead(1.0)
            if total_steps < self.every:
                log.warning(
                    f"callbacks.lookahead.every={self.every}: this training had only {total_steps} steps, so it ends "
                    "with the weights that it began with"
                )

    def _look_ahead(self, keep: float) -> None:
        look_ahead(list(self._slow.values()), list(self._fast.values()), keep)

    def state_dict(self) -> dict[str, Any]:
        return {"slow": self._slow}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._slow = state_dict["slow"]
