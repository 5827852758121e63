"""The hand-written optimizers for torch parameters, whose memory they change: for training on the same rails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from groundup.errors import UserError
from groundup.numpy_nets import optimizers as rules
from groundup.numpy_nets.layer import Layer


class NumPyOptimizer(torch.optim.Optimizer):
    """Applies the update rule of `groundup.numpy_nets` to each parameter, by views of its memory.

    Args:
        params: on the CPU, of float32 or float64.
        options: of the rule; kept in the parameter groups, where a schedule changes `lr`.

    Raises:
        UserError: parameters that NumPy cannot compute with.
    """

    rule: ClassVar[type[rules.Optimizer]]

    def __init__(self, params: Iterable[nn.Parameter], lr: float, **options: Any):
        self._rule, self._options = self.rule(Layer(), lr, **options), ("lr", *options)
        super().__init__(params, {"lr": lr, **options})
        for parameter in (p for group in self.param_groups for p in group["params"]):
            if parameter.device.type != "cpu" or parameter.dtype not in (torch.float32, torch.float64):
                raise UserError(
                    f"{type(self).__name__}: NumPy computes on the CPU, in float32 or float64; these parameters are "
                    f"{parameter.dtype} on {parameter.device}; choose trainer.accelerator=cpu, or PyTorch's optimizer"
                )

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            vars(self._rule).update({option: group[option] for option in self._options})
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad)
        return loss

    def _update(self, parameter: nn.Parameter, grad: Tensor) -> None:
        arrays = {name: tensor.numpy() for name, tensor in self.state[parameter].items()}
        self._rule.update(parameter.numpy(), grad.numpy(), arrays)
        # as tensors of the same memory, which PyTorch puts into checkpoints
        self.state[parameter] = {name: torch.from_numpy(np.asarray(array)) for name, array in arrays.items()}


class NumPySGD(NumPyOptimizer):
    """See `groundup.numpy_nets.optimizers.SGD`."""

    rule = rules.SGD


class NumPyRMSProp(NumPyOptimizer):
    """See `groundup.numpy_nets.optimizers.RMSProp`."""

    rule = rules.RMSProp


class NumPyAdam(NumPyOptimizer):
    """See `groundup.numpy_nets.optimizers.Adam`, which can do without bias correction."""

    rule = rules.Adam
