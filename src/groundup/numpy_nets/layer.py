"""What every layer is: a function with a gradient, weights and the gradients of those weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
    """A function y = f(x; w) of a batch, differentiable.

    A subclass gives `forward` and `backward_input`, and with weights `backward_params` too. Weights are read from
    `params` at every use, never kept elsewhere, so that whoever puts other arrays there changes the layer.

    A layer is called like a function: `layer(x)` is `layer.forward(x)`.

    Attributes:
        params: the weights by name; `layer.params["weight"][...] = w` sets them.
        grads: dL/dw of each weight, by the same names, written anew by every backward pass.
        buffers: arrays that the layer keeps but nobody trains.
        name: its place in a network, for messages.
        output_shape: of the last forward pass, None before it and after an optimizer's step; what a gradient dL/dy is
            held against. `forward` sets it anew, `self.output_shape = y.shape`: a network tells by this very tuple
            whether the layer ran again.
        differs_in_training: whether `training` matters to what `forward` computes.
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


def check_input(layer: Layer, x: Array, shape: Sequence[int | str]) -> None:
    """Refuses a batch that a layer with weights cannot compute with.

    Args:
        shape: what is expected; a word stands for any size from 1 on, such as ("N", 784).

    Raises:
        InputError: another shape, another type than the weights', an empty batch, NaN or infinity.
    """
    check_shape(layer, x, shape)
    dtype = next(iter(layer.params.values())).dtype
    if x.dtype != dtype:
        raise InputError(f"{layer.label}: expected an array of {dtype}, as its weights are, given {x.dtype}")
    check_finite(layer.label, x)


def check_shape(layer: Layer, x: Array, shape: Sequence[int | str], what: str = "an array") -> None:
    """Refuses anything but an array of float32 or float64 of this shape, none of whose sides is 0.

    Raises:
        InputError: naming layer, expected and given.
    """
    check_floats(layer, x)
    if shape == x.shape or shape == ("N", *x.shape[1:]):  # most gradients and batches, told without a loop
        return
    fits = len(x.shape) == len(shape)
    if not fits or any(e != g for e, g in zip(shape, x.shape, strict=True) if not isinstance(e, str)):
        raise InputError(f"{layer.label}: expected {what} of shape {_shown(shape)}, given {_shown(x.shape)}")


def check_floats(layer: Layer, x: Array) -> None:
    """Refuses anything but an array of float32 or float64, of at least one number and any shape.

    Raises:
        InputError: naming layer, expected and given.
    """
    if type(x) not in PLAIN:
        raise InputError(f"{layer.label}: expected a NumPy array, given {type(x).__name__}")
    if x.size == 0:
        raise InputError(f"{layer.label}: expected at least one sample, given an empty array {_shown(x.shape)}")
    if x.dtype.char not in "fd":  # NumPy's letters for the two
        cure = "; pixels become numbers by x.astype(np.float32) / 255" if x.dtype == np.uint8 else ""
        raise InputError(f"{layer.label}: expected an array of float32 or float64, given {x.dtype}{cure}")


def check_grad(layer: Layer, grad: Array) -> None:
    """Refuses a gradient that does not belong to the last forward pass.

    Raises:
        RuntimeError: before any forward pass.
        InputError: another shape than the output's, naming layer, expected and given.
    """
    if layer.output_shape is None:
        raise RuntimeError(f"{layer.label}: backward() needs a forward() before it")
    check_shape(layer, grad, layer.output_shape, "a gradient")


def check_finite(label: str, x: Array) -> None:
    """Refuses NaN and infinity.

    Raises:
        NotFinite: naming the first place.
    """
    finite = np.isfinite(x)
    if finite.all():
        return
    bad = np.argwhere(~finite)
    place = tuple(bad[0].tolist())
    raise NotFinite(f"{label}: expected finite numbers, given {x[place]} at {place} ({len(bad)} of {x.size})")


def check_sizes(layer: Layer, least: int = 1, **sizes: int) -> list[int]:
    """The sizes as Python's integers, which do not overflow: `labels.max() + 1` of uint8 is a size too.

    Raises:
        ValueError: a size that is no whole number, or below `least`, naming layer, expected and given.
    """
    for name, size in sizes.items():
        if not isinstance(size, int | np.integer) or size < least:
            raise ValueError(f"{layer.label}: expected {name} to be a whole number from {least} on, given {size!r}")
    return [int(size) for size in sizes.values()]


def check_flag(label: str, cure: str = "", **flags: bool) -> None:
    """Refuses what is neither True nor False: any word at all would count as True.

    Raises:
        InputError: naming the flag and what was given.
    """
    for name, flag in flags.items():
        if not isinstance(flag, bool | np.bool_):
            raise InputError(f"{label}: expected {name} to be True or False, given {flag!r}{cure}")


def weight_grad(label: str, grads: Mapping[str, Array], name: str, weight: Array) -> Array:
    """The gradient of this weight, of its shape.

    Raises:
        RuntimeError: where there is none of its name.
        InputError: where it is of another shape, which NumPy may stretch to fit.
    """
    if name not in grads:
        place = name.rpartition(".")[0]
        others = [f"'{other}'" for other in grads if other.rpartition(".")[0] == place]
        cure = "net.backward(loss.backward()) comes first"
        if others:
            cure = f"there are {', '.join(others)}, but grads bear the names of params"
        raise RuntimeError(f"{label}: '{name}' has no gradient yet: {cure}")
    grad = grads[name]
    if getattr(grad, "shape", None) != weight.shape:
        given = _shown(grad.shape) if isinstance(grad, np.ndarray) else type(grad).__name__
        raise InputError(f"{label}: expected a gradient of shape {_shown(weight.shape)} for '{name}', given {given}")
    return grad


def generator(label: str, rng: np.random.Generator | None) -> np.random.Generator:
    """The generator given, or for None a fresh one, different each time.

    Raises:
        InputError: on anything else, such as a seed.
    """
    if rng is None:
        return np.random.default_rng()
    if not isinstance(rng, np.random.Generator):
        raise InputError(f"{label}: expected rng to be a np.random.Generator, as of default_rng(0), given {rng!r}")
    return rng


def _shown(shape: Sequence[int | str]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
