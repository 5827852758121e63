"""The bridge: a hand-written network as a PyTorch module, so that it trains on the same rails as all others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from groundup import numpy_nets
from groundup.borrowed.torch import has_hooks
from groundup.numpy_nets.chain import Chain
from groundup.numpy_nets.dropout import Dropout
from groundup.numpy_nets.layer import Array, Layer


class NumPyFunction(torch.autograd.Function):
    """Forward and backward pass of a NumPy layer or whole network, as one node of autograd's graph."""

    @staticmethod
    def forward(ctx: Any, layer: Layer, weights: list[str], training: bool, x: Tensor, *parameters: Tensor) -> Tensor:
        ctx.layer, ctx.weights = layer, weights
        ctx.save_for_backward(*parameters)  # PyTorch then notices weights changed before the backward pass
        with np.errstate(over="ignore", invalid="ignore"):  # as PyTorch: what is not finite is found soon enough
            return torch.from_numpy(layer.forward(_array(x), training)).to(x.device)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        _ = ctx.saved_tensors
        _, _, _, of_input, *of_weights = ctx.needs_input_grad
        with np.errstate(over="ignore", invalid="ignore"):
            dx = _backward(ctx.layer, _array(grad), of_input)
        grads = ctx.layer.grads
        needed = zip(ctx.weights, of_weights, strict=True)
        dw = (torch.from_numpy(grads[name]) if wanted else None for name, wanted in needed)
        return None, None, None, None if dx is None else torch.from_numpy(dx).to(grad.device), *dw


def _backward(layer: Layer, grad: Array, of_input: bool) -> Array | None:
    if isinstance(layer, Chain):
        return layer.backward(grad, input_grad=of_input)
    layer.backward_params(grad)
    return layer.backward_input(grad) if of_input else None


def _array(tensor: Tensor) -> Array:
    """The tensor's own memory; a copy of it only where that is on another device."""
    return tensor.detach().cpu().numpy()


class NumPyLayer(nn.Module):
    """One layer; its parameters and buffers share memory with the arrays, and stay contiguous and on the CPU."""

    def __init__(self, layer: Layer):
        super().__init__()
        self.layer = layer
        for name, array in layer.params.items():
            self.register_parameter(name, nn.Parameter(torch.from_numpy(array)))
        for name, array in layer.buffers.items():
            self.register_buffer(name, torch.from_numpy(array))

    def forward(self, x: Tensor) -> Tensor:
        self.prepare()
        # a fork: a layer knows its last forward pass alone, and autograd may have several under way
        return NumPyFunction.apply(self.layer.fork(), list(self.layer.params), self.training, x, *self.weights())

    def weights(self) -> list[nn.Parameter]:
        """The parameters, in the order of the layer's own."""
        return [getattr(self, name) for name in self.layer.params]  # `parameters()` takes several times as long

    def prepare(self) -> None:
        """Before each forward pass: what PyTorch may have changed meanwhile is given to the layer."""
        self.bind()
        if self.training and isinstance(self.layer, Dropout):
            # from torch's generator, which is seeded by step, so that a resumed run draws the same zeros
            self.layer.rng = np.random.default_rng(int(torch.randint(2**63 - 1, ())))

    def bind(self) -> None:
        """Makes the layer's arrays views of the parameters and buffers, whose tensors may be others by now."""
        for name in self.layer.params:
            self.layer.params[name] = getattr(self, name).detach().numpy()
        for name in self.layer.buffers:
            self.layer.buffers[name] = getattr(self, name).numpy()

    def multiply_adds(self, output_size: tuple[int, ...]) -> int | None:
        """Of one image, which PyTorch's counter does not see: every weight once for each place of the output.

        A layer of somebody else's with weights says it itself, by a method of this name; None where it has none.
        """
        if tell := getattr(self.layer, "multiply_adds", None):
            return tell(output_size)
        weights = sum(p.numel() for p in self.parameters(recurse=False) if p.dim() > 1)
        is_ours = type(self.layer).__module__.startswith(f"{numpy_nets.__name__}.")
        return weights * math.prod(output_size[1:]) if is_ours or not weights else None

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> NumPyLayer:
        """What `.double()`, `.to(...)` and the like go through."""
        super()._apply(lambda tensor: fn(tensor).cpu().contiguous(), recurse)
        self.bind()
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.bind()  # a deep copy has arrays and parameters apart

    def _get_name(self) -> str:
        return type(self.layer).__name__


class NumPyNet(nn.Module):
    """A NumPy network as a module: computed by NumPy, forward and backward, on the CPU; trained by PyTorch.

    Modules and parameters are named as the layers and their weights, "features.conv1" and "features.conv1.weight".
    The whole network is one node of autograd's graph, unless a layer has a hook: then every layer is one.

    Args:
        net: shares its arrays with the parameters from now on.
    """

    def __init__(self, net: Chain):
        super().__init__()
        self.net = net
        self._pass: Layer | None = None
        self._in_order: list[NumPyLayer] = []
        for name, layer in net.leaves():
            *parents, own = name.split(".")
            place: nn.Module = self
            for parent in parents:
                if not hasattr(place, parent):
                    place.add_module(parent, nn.Module())
                place = place.get_submodule(parent)
            self._in_order.append(NumPyLayer(layer))
            place.add_module(own, self._in_order[-1])
        self._names = list(net.params)

    def forward(self, x: Tensor) -> Tensor:
        if any(has_hooks(layer) or layer.training != self.training for layer in self._in_order):  # or frozen
            for layer in self._in_order:
                x = layer(x)
            return x
        for layer in self._in_order:
            layer.prepare()
        parameters = (p for layer in self._in_order for p in layer.weights())
        latest = self.net.fork()
        y = NumPyFunction.apply(latest, self._names, self.training, x, *parameters)
        # Kept until the next pass is through: arrays that are freed all at once go back to the system, and getting them
        # again takes about a tenth of a step of LeNet.
        self._pass = latest
        return y
