"""A network: layers one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from typing import TextIO

import numpy as np
from numpy.typing import ArrayLike

from groundup.numpy_nets import evaluation, summary, trace, training, weights
from groundup.numpy_nets.activations import Sigmoid, Softmax, softmax
from groundup.numpy_nets.evaluation import Evaluation
from groundup.numpy_nets.layer import Array, InputError, Layer, check_finite
from groundup.numpy_nets.losses import Loss
from groundup.numpy_nets.optimizers import Optimizer


class Sequential(Layer):
    """Layers one after another: y = f_n(... f_2(f_1(x))).

    `params`, `grads` and `buffers` hold those of all layers, named LAYER.WEIGHT: "0.weight", "features.conv1.bias".
    They are collected anew each time: `net.params["0.weight"][...] = w` sets a weight.

    Args:
        layers: in order; as a list they are named "0", "1" and so on, as a dict by its keys. A layer may be a
            `Sequential` itself.

    Raises:
        InputError: on no layer, on something else than a layer, on the same layer or the same name twice.
    """

    def __init__(self, layers: Iterable[Layer] | Mapping[str, Layer]):
        named = layers if isinstance(layers, Mapping) else {str(i): layer for i, layer in enumerate(layers)}
        _check_layers(named)
        self.named_layers: dict[str, Layer] = dict(named)
        self.name = ""
        for path, layer in self.walk():
            layer.name = path
        # A layer with weights looks at its input itself, and once is enough.
        self._looks_at_input = not next(layer for _, layer in self.leaves()).params

    @property
    def layers(self) -> list[Layer]:
        """The layers in order: `net.layers[0]`."""
        return list(self.named_layers.values())

    @property
    def params(self) -> dict[str, Array]:  # type: ignore[override]
        return self._collect("params")

    @property
    def grads(self) -> dict[str, Array]:  # type: ignore[override]
        return self._collect("grads")

    @property
    def buffers(self) -> dict[str, Array]:  # type: ignore[override]
        return self._collect("buffers")

    def _collect(self, kind: str) -> dict[str, Array]:
        return {f"{n}.{key}": a for n, layer in self.named_layers.items() for key, a in getattr(layer, kind).items()}

    def walk(self) -> Iterator[tuple[str, Layer]]:
        """Every layer and its name, networks within this one and their layers too: "features", "features.conv1"."""
        for name, layer in self.named_layers.items():
            yield name, layer
            if isinstance(layer, Sequential):
                yield from ((f"{name}.{inner}", leaf) for inner, leaf in layer.walk())

    def leaves(self) -> Iterator[tuple[str, Layer]]:
        """Every layer that is no network itself, in the order in which they compute."""
        return ((path, layer) for path, layer in self.walk() if not isinstance(layer, Sequential))

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = f_n(... f_2(f_1(x))).

        Raises:
            InputError: on anything but a batch of finite floating-point numbers that fits the layers.
        """
        if self._looks_at_input:
            check_batch(self.label, x)
        for layer in self.named_layers.values():
            x = layer.forward(x, training)
        return x

    def backward(self, grad: Array, input_grad: bool = False) -> Array | None:  # type: ignore[override]
        """The chain rule, from the last layer to the first one: fills the `grads` of every layer.

        dL/dx of the network's own input takes a large matrix product that training has no use for: it is computed
        and returned with `input_grad=True` alone.
        """
        layers = self.layers
        first = 0 if input_grad else next((i for i, layer in enumerate(layers) if layer.params), len(layers))
        for layer in layers[:first:-1]:
            grad = _backward(layer, grad)
        if input_grad:
            return _backward(layers[0], grad)
        if first < len(layers):
            layers[first].backward_params(grad)
        return None

    def backward_params(self, grad: Array) -> None:
        """dL/dw of every weight, into the `grads` of the layers."""
        self.backward(grad)

    def backward_input(self, grad: Array) -> Array:
        """dL/dx. Computes the layers' `grads` on the way."""
        dx = self.backward(grad, input_grad=True)
        assert dx is not None
        return dx

    def predict(self, x: Array, batch_size: int = 1000) -> Array:
        """The class of every sample, `(N,)`: the number of the largest output.

        A single output says class 1 where it is above 0.5, else class 0.
        """
        return evaluation.classes(self._outputs(x, batch_size))

    def predict_proba(self, x: Array, batch_size: int = 1000) -> Array:
        """The probability of every class, `(N, K)`: the softmax of the outputs.

        Outputs of a Softmax or Sigmoid layer at the end are probabilities and stay as they are (those of a Sigmoid need
        not add up to 1), and so does a single output.
        """
        out = self._outputs(x, batch_size)
        *_, (_, last) = self.leaves()
        return out if isinstance(last, Softmax | Sigmoid) or out.shape[1] == 1 else softmax(out)

    def _outputs(self, x: Array, batch_size: int) -> Array:
        parts = [out for _, out in evaluation.outputs(self, x, batch_size)]
        return np.concatenate(parts)

    def fit(
        self,
        x: Array,
        y: ArrayLike,
        loss: Loss,
        optimizer: Optimizer,
        epochs: int = 1,
        batch_size: int = 32,
        shuffle: bool = True,
        rng: np.random.Generator | None = None,
        validation: tuple[Array, ArrayLike] | None = None,
        verbose: bool = True,
    ) -> dict[str, list[float]]:
        """Trains on all samples `epochs` times, a batch at a time; see `training.fit`."""
        return training.fit(self, x, y, loss, optimizer, epochs, batch_size, shuffle, rng, validation, verbose)

    def evaluate(self, x: Array, y: ArrayLike, loss: Loss, batch_size: int = 1000) -> Evaluation:
        """Loss, accuracy and confusion matrix over all samples; see `evaluation.evaluate`."""
        return evaluation.evaluate(self, x, y, loss, batch_size)

    def save(self, path: str | PathLike[str]) -> None:
        """Writes weights and buffers as a `.npz` file; see `weights.save`."""
        weights.save(self, path)

    def load(self, path: str | PathLike[str]) -> None:
        """Reads weights and buffers that `save` wrote, into the same network; see `weights.load`."""
        weights.load(self, path)

    def summary(self, input_shape: tuple[int, ...] | None = None) -> str:
        """A table of the layers, to be printed; see `summary.table`."""
        return summary.table(self, input_shape)

    def trace(
        self,
        x: Array,
        y: ArrayLike,
        file: str | PathLike[str] | TextIO,
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
    ) -> None:
        """Writes one training step number by number, to be checked by hand; see `trace.write`."""
        trace.write(self, x, y, file, loss, optimizer)

    def __repr__(self) -> str:
        lines = [f"  {name}: {layer!r}".replace("\n", "\n  ") for name, layer in self.named_layers.items()]
        return "\n".join(["Sequential(", *lines, ")"])


def check_batch(label: str, x: Array) -> None:
    """Refuses what is no batch of numbers.

    Raises:
        InputError: on anything but a floating-point array of at least one sample, or NaN and infinity in it.
    """
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or x.ndim < 2:
        given = f"{x.dtype} of shape {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
        raise InputError(f"{label}: expected an array of float32 or float64, samples in rows, given {given}")
    if x.size == 0:
        raise InputError(f"{label}: expected at least one sample, given an empty array {x.shape}")
    check_finite(label, x)


def _backward(layer: Layer, grad: Array) -> Array:
    """dL/dx of a layer; of a network within this one too."""
    if isinstance(layer, Sequential):
        return layer.backward_input(grad)
    return layer.backward(grad)


def _check_layers(layers: Mapping[str, Layer]) -> None:
    if not layers:
        raise InputError("Sequential: expected at least one layer, given none")
    seen: dict[int, str] = {}
    paths: set[str] = set()
    for name, layer in layers.items():
        if not isinstance(name, str) or not name:
            raise InputError(f"Sequential: expected words as names, given {name!r}")
        if not isinstance(layer, Layer):
            hint = f": write {layer.__name__}(...)" if isinstance(layer, type) else ""
            raise InputError(f"Sequential: expected a Layer as '{name}', given {layer!r}{hint}")
        inner = dict(layer.walk()) if isinstance(layer, Sequential) else {}
        if twice := paths & (new := {name, *(f"{name}.{path}" for path in inner)}):
            raise InputError(f"Sequential: expected each name once, given '{min(twice)}' twice")
        paths |= new
        for part in (layer, *inner.values()):
            if id(part) in seen:
                raise InputError(
                    f"Sequential: expected each layer once, given the same {type(part).__name__} as '{seen[id(part)]}' "
                    f"and in '{name}'"
                )
            seen[id(part)] = name
