"""How steep the loss is."""

from __future__ import annotations

import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch.optim import Optimizer

from groundup.borrowed.torch import takes_scaled_gradients
from groundup.callbacks.watcher import Watcher, write_scalars
from groundup.learning.companion import course_of
from groundup.learning.learner import Learner


class GradientNorm(Watcher):
    """Scalar `train/grad_norm`: length of the whole gradient, before clipping, of each step that is logged.

    It is computed on the device and read with the losses.
    """

    def __init__(self) -> None:
        self._norm: Tensor | None = None

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: Learner, optimizer: Optimizer) -> None:  # type: ignore[override]
        if len(trainer.optimizers) > 1:
            return  # each has its own part of the gradient, and its own step
        # of several batches that one step sums up, the meter is full after the last or one before
        left = course_of(trainer, pl_module).progress.meter.left
        if trainer.is_last_batch or left < trainer.accumulate_grad_batches:
            self.measure(pl_module)
            scaler = getattr(trainer.precision_plugin, "scaler", None)
            if scaler is not None and takes_scaled_gradients(optimizer):
                self._norm = self._norm / scaler.get_scale()  # a fused optimizer divides by it later, by itself

    @torch.no_grad()
    def measure(self, learner: Learner) -> None:
        """Computes the norm of the gradients as they are now."""
        grads = [parameter.grad for parameter in learner.parameters() if parameter.grad is not None]
        self._norm = torch.nn.utils.get_total_norm(grads)

    def on_steps_logged(self, trainer: Trainer, learner: Learner) -> None:
        if self._norm is not None:
            write_scalars(trainer, {"train/grad_norm": float(self._norm)}, trainer.global_step)
        self._norm = None
