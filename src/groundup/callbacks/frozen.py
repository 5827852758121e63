"""What does not learn does not change otherwise either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning.pytorch import Callback
from torch import nn


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
