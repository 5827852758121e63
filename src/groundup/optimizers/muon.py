"""Muon: matrices learn by orthogonal updates, all other parameters by Adam or gradient descent, in one optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim.adamw import adamw
from torch.optim.optimizer import ParamsT
from torch.optim.sgd import sgd

from groundup.borrowed.torch import (
    foreach_add,
    foreach_add_,
    foreach_clamp_min_,
    foreach_div_,
    foreach_mul_,
    foreach_norm,
)
from groundup.errors import UserError
from groundup.optimizers.orthogonalize import orthogonalize_all
from groundup.optimizers.roles import Role, by_role

Group = dict[str, Any]


class Muon(torch.optim.Optimizer):
    """Moves each matrix W, of gradient g, by its momentum made orthogonal (Jordan et al. 2024):

        M <- mu M + g,   W <- (1 - lr wd) W - lr sqrt(max(1, rows / columns)) orthogonalize(g + mu M)

    A convolution's filters `(c_out, c_in, kh, kw)` are a matrix of c_out rows. What is no matrix, and the head, learns
    by another rule; `groundup.optimizers.roles` tells which is which by the names in `params`.

    The rates of `other=sgd` are of a loss that is summed over the batch, as published recipes have it: multiplied by
    `batch_size` they are those of a mean. Its weight decay is of one image, W <- W - rate g_sum - wd batch_size W in a
    step at the full rate, and falls with the rate. That of Adam is decoupled: W <- (1 - lr wd) W.

    A step waits for nothing on the device, and `lr` of a group may be a tensor there. Once a first step has made the
    state, steps can be captured in a CUDA graph.

    Args:
        params: parameters, better with names.
        lr: of the matrices.
        momentum, nesterov, weight_decay: of the matrices; without `nesterov`, M itself is made orthogonal. `nesterov`
            holds for `other=sgd` too.
        steps: of the Newton-Schulz iteration.
        renormalize: before each update give every matrix the Frobenius norm sqrt(rows), and leave the root out of the
            update (Jordan 2024, airbench94_muon).
        other: `adam` or `sgd`.
        other_lr: of biases and norms.
        head_lr, stem_lr: of the head and of a whitening layer's bias; None is `other_lr`.
        stem_epochs: after which a whitening layer no longer learns, see `Learner.set_rate`; None follows the schedule.
        other_momentum: of `other=sgd`.
        betas, eps: of Adam.
        other_weight_decay: of all that is no matrix.
        batch_size: images a step.

    Raises:
        UserError: `other` is none of the two.
    """

    capturable = True

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.02,
        momentum: float = 0.95,
        nesterov: bool = True,
        steps: int = 5,
        weight_decay: float = 0.0,
        renormalize: bool = False,
        other: Literal["adam", "sgd"] = "adam",
        other_lr: float = 1e-3,
        head_lr: float | None = None,
        stem_lr: float | None = None,
        stem_epochs: float | None = None,
        other_momentum: float = 0.85,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        other_weight_decay: float = 0.0,
        batch_size: int = 1,
    ):
        if other not in ("adam", "sgd"):
            raise UserError(f"optimizer.other={other}: accepted: adam, sgd")
        matrix: Group = {"lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
        options: dict[Role, Group] = {"matrix": matrix | {"method": "muon", "steps": steps, "renormalize": renormalize}}
        rates: dict[Role, float] = {"vector": other_lr, "head": head_lr or other_lr, "stem": stem_lr or other_lr}
        for role, rate in rates.items():
            if other == "sgd":
                rule = {"method": "sgd", "momentum": other_momentum, "nesterov": nesterov}
                options[role] = rule | {"lr": rate * batch_size, "weight_decay": other_weight_decay / rate}
            else:
                rule = {"method": "adam", "betas": tuple(betas), "eps": eps}
                rule |= {"fused": True}  # by it PyTorch knows that a loaded `step` belongs on the device
                options[role] = rule | {"lr": rate, "weight_decay": other_weight_decay}
        if stem_epochs is not None:
            options["stem"]["epochs"] = stem_epochs
        super().__init__([options[role] | group for role, group in by_role(params)], {})

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        rules = {"muon": self._step_matrices, "sgd": self._step_sgd, "adam": self._step_adam}
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                rules[group["method"]](group, params, [p.grad for p in params])
        return loss

    def _step_matrices(self, group: Group, params: list[Tensor], grads: list[Tensor]) -> None:
        buffers = self._buffers(params, "momentum_buffer")
        foreach_mul_(buffers, group["momentum"])
        foreach_add_(buffers, grads)
        ahead = foreach_add(grads, buffers, alpha=group["momentum"]) if group["nesterov"] else buffers
        updates = orthogonalize_all([as_matrix(tensor) for tensor in ahead], group["steps"])
        if group["renormalize"]:
            renormalize(params)
        else:
            foreach_mul_(updates, [math.sqrt(max(1.0, len(u) / u.shape[1])) for u in updates])
        if group["weight_decay"]:
            foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
        foreach_mul_(updates, -group["lr"])
        foreach_add_(params, [like(update, p) for update, p in zip(updates, params, strict=True)])

    def _step_sgd(self, group: Group, params: list[Tensor], grads: list[Tensor]) -> None:
        buffers: list[Tensor | None] = [*self._buffers(params, "momentum_buffer")]
        options = {name: group[name] for name in ("lr", "momentum", "nesterov", "weight_decay")}
        sgd(params, grads, buffers, **options, dampening=0, maximize=False, fused=True)

    def _step_adam(self, group: Group, params: list[Tensor], grads: list[Tensor]) -> None:
        first, second = self._buffers(params, "exp_avg"), self._buffers(params, "exp_avg_sq")
        for p in params:
            if "step" not in self.state[p]:
                self.state[p]["step"] = torch.zeros((), dtype=torch.float32, device=p.device)
        counts = [self.state[p]["step"] for p in params]
        options = {name: group[name] for name in ("lr", "eps", "weight_decay")}
        options |= {"beta1": group["betas"][0], "beta2": group["betas"][1], "amsgrad": False, "maximize": False}
        adamw(params, grads, first, second, [], counts, **options, fused=True)

    def _buffers(self, params: Sequence[Tensor], name: str) -> list[Tensor]:
        for p in params:
            if name not in self.state[p]:
                self.state[p][name] = torch.zeros_like(p)
        return [self.state[p][name] for p in params]


def as_matrix(tensor: Tensor) -> Tensor:
    """`(c_out, c_in, ...)` as `(c_out, ... c_in)`: no copy of filters in channels-last layout.

    The order of columns is of no account to an orthogonal update.
    """
    return tensor.movedim(1, -1).flatten(1)


def like(matrix: Tensor, tensor: Tensor) -> Tensor:
    """The reverse of `as_matrix`, for a tensor of this shape."""
    if tensor.ndim == 2:
        return matrix
    return matrix.unflatten(1, (*tensor.shape[2:], tensor.shape[1])).movedim(-1, 1)


def renormalize(params: Sequence[Tensor]) -> None:
    """Gives each of these tensors `(c_out, ...)`, in place, the Frobenius norm sqrt(c_out); zeros stay zeros."""
    norms = foreach_norm(list(params))
    foreach_clamp_min_(norms, 1e-12)
    foreach_div_(norms, [math.sqrt(len(p)) for p in params])
    foreach_div_(list(params), norms)
