"""Gradient descent whose learning rate and weight decay do not depend on each other, on momentum or on batch size."""

from __future__ import annotations

from torch.optim import SGD
from torch.optim.optimizer import ParamsT

from groundup.optimizers.roles import by_role

KILOSTEP = 1024  # images


class DecoupledSGD(SGD):
    """Nesterov SGD in the units of airbench94 (Jordan 2024, arXiv 2404.00498): with k = 1024 (1 + 1 / (1 - momentum))

        rate = lr / k of a loss summed over the batch,   decay = weight_decay batch_size / k of the weights a step

    at the full rate; both follow the schedule. Losses here are means, so that PyTorch's SGD is given the rate
    lr batch_size / k and, for the same decay, weight_decay / lr.

    Args:
        params: parameters, better with names: biases and norms are told from the head by them, see `roles`.
        lr: of k images.
        weight_decay: the share of the weights that k images take away.
        momentum, nesterov, fused: as PyTorch's.
        bias_scale: factor on `lr` of biases and norms; their decay is that of all others.
        stem_epochs: after which a whitening layer no longer learns, see `Learner.set_rate`; None follows the schedule.
        batch_size: images a step.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 11.5,
        weight_decay: float = 0.0153,
        momentum: float = 0.85,
        nesterov: bool = True,
        bias_scale: float = 64.0,
        stem_epochs: float | None = None,
        batch_size: int = 1024,
        fused: bool | None = None,
    ):
        k = KILOSTEP * (1 + 1 / (1 - momentum))
        groups = []
        for role, group in by_role(params):
            scaled = lr * bias_scale if role == "vector" else lr
            options = {"lr": scaled * batch_size / k, "weight_decay": weight_decay / scaled}
            if role == "stem" and stem_epochs is not None:
                options["epochs"] = stem_epochs
            groups.append(options | group)
        super().__init__(groups, momentum=momentum, nesterov=nesterov, fused=fused)
