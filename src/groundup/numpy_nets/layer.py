"""What every layer is: a function with a gradient, weights and the gradients of those weights."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # of float32 or float64

PLAIN = (np.ndarray, np.memmap)  # masked arrays and matrices are arrays too, but compute something else


class InputError(ValueError, TypeError):
    """An array that does not fit: the message names the layer, what it expects and what it was given."""


class NotFinite(InputError):
    """NaN or infinity where numbers are needed."""


class Layer:
    """A differentiable function y = f(x; w) of a batch.

    A subclass defines `forward` and `backward_input`, and `backward_params` if it has weights. A layer reads its
    weights from `params` at every use, so other arrays in `params` change the layer.

    A layer is called like a function: `layer(x)` is `layer.forward(x)`.

    Attributes:
        params: the weights by name; `layer.params["weight"][...] = w` sets them.
        grads: dL/dw of each weight, by the same names, written anew by every backward pass.
        buffers: arrays that the layer keeps and that are not trained.
        name: its place in a network, for messages.
        output_shape: the shape of the last output, which a gradient dL/dy must have; None before a forward pass and
            after an optimizer's step. `forward` sets it anew by `self.output_shape = y.shape`: a network tells by this
            very tuple whether the layer ran again.
        differs_in_training: whether `training` changes what `forward` computes.
    """

    differs_in_training = False
    output_shape: tuple[int, ...] | None = None

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self.buffers: dict[str, Array] = {}
        self.name = ""

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = f(x). Keeps what the backward pass needs. `training` matters to dropout and batch norm alone."""
        raise NotImplementedError

    def __call__(self, x: Array, training: bool = False) -> Array:
        return self.forward(x, training)

    def backward(self, grad: Array) -> Array:
        """The chain rule: from dL/dy of the last forward pass to dL/dx, and to dL/dw in `grads`."""
        self.backward_params(grad)
        return self.backward_input(grad)

    def backward_params(self, grad: Array) -> None:
        """dL/dw of every weight, from dL/dy, into `grads`. A network's first layer needs no more than this."""

    def backward_input(self, grad: Array) -> Array:
        """dL/dx from dL/dy."""
        raise NotImplementedError

    def fork(self) -> Self:
        """The same layer, its weights included, that keeps for itself what its forward pass leaves behind.

        A layer knows its last forward pass alone: a fork of it computes without disturbing a backward pass to come.
        Layers among its attributes, or in a list, tuple or dict there, are forked with it; one that keeps layers
        elsewhere has a `fork` of its own.
        """
        return _fork(self, {})

    def end_pass(self) -> None:
        """What an optimizer calls whose step moved the weights: the last forward pass was one of other weights."""
        self.output_shape = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @property
    def label(self) -> str:
        """How messages call it: its class, and its name in the network where it is part of one."""
        kind = type(self).__name__
        return f"{kind} '{self.name}'" if self.name else kind


# What holds no layers, by type and by name: most attributes, told fast, for the bridge to PyTorch forks at every step.
_ATOMS = frozenset({np.ndarray, np.memmap, int, float, bool, str, type(None)})
_OF_ARRAYS = frozenset({"params", "grads", "buffers", "output_shape"})


def _fork(layer: Layer, forks: dict[int, Layer]) -> Any:
    """A fork of the layer and of the layers that it is made of, each once: `forks` are those made so far."""
    if id(layer) in forks:
        return forks[id(layer)]
    forks[id(layer)] = own = object.__new__(type(layer))
    own.__dict__.update(layer.__dict__)
    for name, value in layer.__dict__.items():
        if type(value) not in _ATOMS and name not in _OF_ARRAYS:
            own.__dict__[name] = _forked(value, forks)
    return own


def _forked(value: Any, forks: dict[int, Layer]) -> Any:
    """A layer, or the layers in a list, tuple or dict; what holds none stays the same object."""
    if isinstance(value, Layer):
        return _fork(value, forks) if type(value).fork is Layer.fork else value.fork()
    if isinstance(value, dict) and _holds_layers(value.values()):
        return {key: _forked(part, forks) if isinstance(part, Layer) else part for key, part in value.items()}
    if type(value) in (list, tuple) and _holds_layers(value):
        return type(value)(_forked(part, forks) if isinstance(part, Layer) else part for part in value)
    return value


def _holds_layers(parts: Collection[Any]) -> bool:
    return not _ATOMS.issuperset(map(type, parts)) and any(isinstance(part, Layer) for part in parts)
