"""Layers that compute M networks at once: what comes in and goes out is `(M, B, ...)`, weights are `(M, ...)`.

A network made of them is the network itself, its own `forward` included, with every layer but the elementwise ones
exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def stack_layers(net: nn.Module, weights: Sequence[Tensor]) -> nn.Module:
    """Exchanges the layers of a network for stacked ones, in place.

    Args:
        net: of linear layers, convolutions with a bias, pooling, flattening, dropout and elementwise functions.
        weights: of M networks like it, `(M, ...)`, in the order of its parameters.
    """
    left = iter(weights)
    for name, layer in list(net.named_modules()):
        own = [next(left) for _ in layer.parameters(recurse=False)]
        if (stacked := _stacked(layer, own)) is not layer:
            parent, _, child = name.rpartition(".")
            setattr(net.get_submodule(parent), child, stacked)
    return net


def _stacked(layer: nn.Module, weights: list[Tensor]) -> nn.Module:
    if isinstance(layer, nn.Linear):
        return Linear(*weights)
    if isinstance(layer, nn.Conv2d):
        return Conv2d(layer, *weights)
    if isinstance(layer, nn.Dropout):
        return Masked()
    if isinstance(layer, nn.Flatten):
        return nn.Flatten(2)
    if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
        return Each(layer)
    return layer


class Linear(nn.Module):
    """M linear layers, `(M, B, in)` to `(M, B, out)`."""

    def __init__(self, weight: Tensor, bias: Tensor):
        super().__init__()
        self._weights = weight, bias  # no parameters of this module: they belong to the networks

    def forward(self, x: Tensor) -> Tensor:
        return BatchedLinear.apply(x, *self._weights)


class BatchedLinear(torch.autograd.Function):
    """x `(M, B, in)`, weight `(M, out, in)` and bias `(M, out)` to `(M, B, out)`.

    PyTorch's own gradient of the weights comes transposed, and to bring it into the layout of the weights would cost a
    small network a seventh of its step.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return torch.baddbmm(bias[:, None], x, weight.transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        grad_x = torch.bmm(grad, weight) if ctx.needs_input_grad[0] else None
        return grad_x, torch.bmm(grad.transpose(1, 2), x), grad.sum(1)


class Conv2d(nn.Module):
    """M convolutions as one of M groups, `(M, B, C, H, W)` to `(M, B, C', H', W')`."""

    def __init__(self, like: nn.Conv2d, weight: Tensor, bias: Tensor):
        super().__init__()
        self._weights = weight, bias
        self._options: dict[str, Any] = {key: getattr(like, key) for key in ("stride", "padding", "dilation")}

    def forward(self, x: Tensor) -> Tensor:
        members = len(x)
        weight, bias = (tensor.flatten(0, 1) for tensor in self._weights)
        grouped = F.conv2d(x.transpose(0, 1).flatten(1, 2), weight, bias, groups=members, **self._options)
        return grouped.unflatten(1, (members, -1)).transpose(0, 1)


class Each(nn.Module):
    """A layer without weights that takes `(N, C, H, W)`, for `(M, B, C, H, W)`."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self._layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self._layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class Masked(nn.Module):
    """A dropout layer whose mask is given: 0, or 1 / (1 - p)."""

    def __init__(self) -> None:
        super().__init__()
        self.mask: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        assert self.mask is not None, "the masks of a step are drawn before it"
        return x * self.mask
