"""Update rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch


class SignSGD(torch.optim.Optimizer):
    """A step of the same length in every weight (Bernstein et al., 2018), of the sign of its momentum."""

    def __init__(self, params: Iterable[Any], lr: float, momentum: float = 0.9):
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:  # a Trainer's: the forward and the backward pass
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                mean = self.state[parameter].setdefault("mean", torch.zeros_like(parameter))
                mean.lerp_(parameter.grad, 1 - group["momentum"])
                parameter.sub_(mean.sign(), alpha=group["lr"])
        return loss
