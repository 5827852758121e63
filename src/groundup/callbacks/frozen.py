"""Layers that do not learn do not change in any other way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import nn

from groundup.borrowed.lightning import averaged


class KeepFrozen(Callback):
    """Has modules that are frozen compute as in an evaluation while the others learn.

    Their batch norms then keep their running statistics, which are no parameters, and their dropout leaves all units.
    """

    def __init__(self, modules: Sequence[nn.Module]):
        self._modules = modules

    def on_train_batch_start(self, *_: Any, **__: Any) -> None:
        for module in self._modules:
            if module.training:  # at the first step, and after a validation
                module.eval()

    @torch.no_grad()
    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any, **__: Any) -> None:
        """A running mean of what stays would be what stays, but for rounding."""
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, WeightAveraging) and (mean := averaged(callback)) is not None:
                self._put_what_stays(mean, pl_module)

    def _put_what_stays(self, mean: nn.Module, module: nn.Module) -> None:
        stays = {id(buffer) for part in self._modules for buffer in part.buffers()}
        stays |= {id(parameter) for parameter in module.parameters() if not parameter.requires_grad}
        tensors = ((*each.parameters(), *each.buffers()) for each in (mean, module))
        for of_mean, own in zip(*tensors, strict=True):
            if id(own) in stays:
                of_mean.copy_(own)
