"""A hand-written network as layers of PyTorch's own: for exporters, which follow PyTorch and not NumPy."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from groundup.errors import UserError
from groundup.learning.numpy_net import NumPyNet
from groundup.numpy_nets import activations, batch_norm, conv, dense, dropout, flatten, pooling
from groundup.numpy_nets.layer import Layer


def twin_of(net: NumPyNet) -> nn.Sequential:
    """The same function as a finished hand-written network, outside training, with a copy of its weights.

    Raises:
        UserError: a layer has no counterpart, as those of somebody else's have none.
    """
    layers = OrderedDict((name.replace(".", "_"), _twin(layer)) for name, layer in net.net.leaves())
    return nn.Sequential(layers).eval()


def _twin(layer: Layer) -> nn.Module:
    make = _TWINS.get(type(layer))  # not of a subclass, which may compute something else
    if make is None:
        raise UserError(
            f"{layer.label}: a hand-written layer of {type(layer).__module__}, which has no counterpart in PyTorch; "
            f"accepted: {', '.join(kind.__name__ for kind in _TWINS)}"
        )
    made = make(layer)
    state = {name: torch.from_numpy(array).clone() for name, array in (layer.params | layer.buffers).items()}
    made.load_state_dict(state)
    for array in layer.params.values():
        made.to(torch.from_numpy(array).dtype)
    made.load_state_dict(state)  # once more: double precision was rounded
    return made


def _dense(layer: Any) -> nn.Module:
    outputs, inputs = layer.params["weight"].shape
    return nn.Linear(inputs, outputs, bias="bias" in layer.params)


def _conv(layer: Any) -> nn.Module:
    outputs, inputs, size, _ = layer.params["weight"].shape
    return nn.Conv2d(inputs, outputs, size, layer.stride, layer.padding, bias="bias" in layer.params)


class _BatchNorm(nn.Module):
    """Of features and of channels, as the hand-written one is; PyTorch's are of one of both."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, layer: Any):
        super().__init__()
        self.eps = layer.eps
        for name, array in layer.params.items():
            self.register_parameter(name, nn.Parameter(torch.from_numpy(array).clone()))
        for name, array in layer.buffers.items():
            self.register_buffer(name, torch.from_numpy(array).clone())

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C)` or `(N, C, H, W)`."""
        return functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )


_TWINS: dict[type[Layer], Callable[[Any], nn.Module]] = {
    dense.Dense: _dense,
    conv.Conv2D: _conv,
    batch_norm.BatchNorm: _BatchNorm,
    pooling.MaxPool2D: lambda layer: nn.MaxPool2d(layer.size, layer.stride),
    pooling.AvgPool2D: lambda layer: nn.AvgPool2d(layer.size, layer.stride),
    flatten.Flatten: lambda layer: nn.Flatten(),
    dropout.Dropout: lambda layer: nn.Identity(),
    activations.ReLU: lambda layer: nn.ReLU(),
    activations.Sigmoid: lambda layer: nn.Sigmoid(),
    activations.Tanh: lambda layer: nn.Tanh(),
    activations.Softmax: lambda layer: nn.Softmax(dim=1),
}
