"""A network: layers one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import wraps
from os import PathLike
from types import MappingProxyType
from typing import Any, TextIO

import numpy as np
from numpy.typing import ArrayLike

from groundup.numpy_nets import evaluation, losses, misuse, summary, trace, training, weights
from groundup.numpy_nets.activations import softmax
from groundup.numpy_nets.arrays import Arrays
from groundup.numpy_nets.evaluation import Evaluation
from groundup.numpy_nets.layer import PLAIN, Array, InputError, Layer, check_finite
from groundup.numpy_nets.losses import Loss
from groundup.numpy_nets.optimizers import Optimizer
from groundup.numpy_nets.targets import classes


class Sequential(Layer):
    """Layers one after another: y = f_n(... f_2(f_1(x))).

    `params`, `grads` and `buffers` hold those of all layers, named LAYER.WEIGHT: "0.weight", "features.conv1.bias";
    `net.params["0.weight"] = w` sets a weight, see `Arrays`. A network has the layers that it was made of: another one
    is another `Sequential`, of the same layers if you like.

    Args:
        layers: in order; as a list they are named "0", "1" and so on, as a dict by its keys. A layer may be a
            `Sequential` itself.

    Attributes:
        looked_for: the kinds of misuse that it was searched for already, see `misuse`.

    Raises:
        InputError: on no layer, on something else than a layer, on the same layer or the same name twice.
    """

    def __init__(self, layers: Iterable[Layer] | Mapping[str, Layer]):
        if isinstance(layers, Layer):
            raise InputError(f"Sequential: expected a list or a dict of layers, given {layers!r}")
        named = layers if isinstance(layers, Mapping) else {str(i): layer for i, layer in enumerate(layers)}
        _check_layers(named)
        self._layers: dict[str, Layer] = dict(named)
        # Of the last forward pass: what it gave, whether it was for training, and the `output_shape` of each layer.
        self._y: Array | None = None
        self._trained = False
        self._passes: list[object] = []
        self.name, self.looked_for = "", set[str]()
        for path, layer in self.walk():
            layer.name = path
        # A layer with weights looks at its input itself, and once is enough.
        self._looks_at_input = not next(layer for _, layer in self.leaves()).params

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers in order: `net.layers[0]`."""
        return tuple(self._layers.values())

    @property
    def named_layers(self) -> Mapping[str, Layer]:
        """The layers in order by their names, to be read."""
        return MappingProxyType(self._layers)

    @property
    def params(self) -> Arrays:  # type: ignore[override]
        return Arrays(self._collect("params"))

    @property
    def grads(self) -> Arrays:  # type: ignore[override]
        return Arrays(self._collect("grads"))

    @property
    def buffers(self) -> Arrays:  # type: ignore[override]
        return Arrays(self._collect("buffers"))

    def _collect(self, kind: str) -> dict[str, Array]:
        return {f"{n}.{key}": a for n, layer in self._layers.items() for key, a in getattr(layer, kind).items()}

    def walk(self) -> Iterator[tuple[str, Layer]]:
        """Every layer and its name, networks within this one and their layers too: "features", "features.conv1"."""
        for name, layer in self._layers.items():
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
        passes: list[object] = []
        for layer in self._layers.values():
            x = layer.forward(x, training)
            passes.append(layer.output_shape)  # this very tuple: the next pass makes another one
        self._y, self._trained, self._passes, self.output_shape = x, training, passes, x.shape
        return x

    def __init_subclass__(cls) -> None:
        """A subclass whose `forward` makes more of what this one gives has the outputs that it returns itself."""
        super().__init_subclass__()
        if "forward" not in cls.__dict__:
            return
        forward = cls.forward

        @wraps(forward)
        def noted(self: Sequential, *args: Any, **kwargs: Any) -> Array:
            self._y = y = forward(self, *args, **kwargs)
            return y

        cls.forward = noted  # type: ignore[method-assign]

    def end_pass(self) -> None:
        super().end_pass()
        for layer in self._layers.values():
            layer.end_pass()

    def backward(self, grad: Array, input_grad: bool = False) -> Array | None:  # type: ignore[override]
        """The chain rule, from the last layer to the first one: fills the `grads` of every layer.

        dL/dx of the network's own input takes a large matrix product that training has no use for: it is computed
        and returned with `input_grad=True` alone.

        Layers keep the arrays of the forward pass, not copies: x, and what the layers gave, are not to be changed in
        place before the backward pass is through. That is not noticed.

        Raises:
            RuntimeError: before any forward pass.
            InputError: the gradient of a loss that was not of the outputs of the last forward pass; a layer that ran
                again since, or whose weights an optimizer moved.
        """
        self._check_maker(grad, input_grad)
        return self._chain(grad, input_grad)

    def _chain(self, grad: Array, input_grad: bool) -> Array | None:
        layers = self.layers
        first = 0 if input_grad else next((i for i, layer in enumerate(layers) if layer.params), len(layers))
        self._check_passes(first)
        for layer in layers[:first:-1]:
            grad = _backward(layer, grad)
        if input_grad:
            return _backward(layers[0], grad)
        if first < len(layers):
            layers[first].backward_params(grad)
        return None

    def _check_maker(self, grad: Array, input_grad: bool) -> None:
        """Where a loss made the gradient: refuses one of other outputs, and warns of what was hardly meant."""
        loss = losses.maker_of(grad)
        if loss is None or loss.made is None or self._y is None:
            return
        if loss.made.out is not self._y and not _equal(loss.made.out, self._y):
            if _equal(loss.made.target, self._y):
                raise InputError(
                    f"{self.label}: expected the gradient of a loss of its outputs, given one whose target they were: "
                    "the outputs come first, loss.forward(out, target)"
                )
            raise InputError(
                f"{self.label}: expected the gradient of a loss of its last outputs, given one of other numbers: "
                "forward(), loss.forward(out, target) and backward() belong together, with no other forward() between "
                "and out as it came. Only where out was made of the last outputs by adding to them, as in the sum of "
                "two networks, is the gradient the same, and taken as a copy: net.backward(grad.copy())"
            )
        misuse.warn_of_ending(self, loss)
        if not self._trained and not input_grad:
            misuse.warn_of_evaluation_mode(self)

    def _check_passes(self, first: int) -> None:
        """Refuses where a layer, from number `first` on, no longer has what this network's forward pass left in it."""
        for layer, made in zip(self.layers[first:], self._passes[first:], strict=False):
            if layer.output_shape is made:
                continue
            if layer.output_shape is None:
                raise InputError(
                    f"{self.label}: expected a forward() since the last step of the optimizer, given none: "
                    f"the weights of {layer.label} are no longer those that the outputs were computed with"
                )
            raise InputError(
                f"{self.label}: expected its layers as its last forward() left them, given {layer.label} that ran "
                "again since, by itself or within another network: use layer.fork() there, which shares the weights, "
                "or do forward(), loss and backward() without it in between"
            )

    def backward_params(self, grad: Array) -> None:
        """dL/dw of every weight, into the `grads` of the layers."""
        self._chain(grad, input_grad=False)

    def backward_input(self, grad: Array) -> Array:
        """dL/dx. Computes the layers' `grads` on the way."""
        dx = self._chain(grad, input_grad=True)
        assert dx is not None
        return dx

    def predict(self, x: Array, batch_size: int = 1000) -> Array:
        """The class of every sample, `(N,)`: the number of the largest output.

        A single output says class 1 where it is above 0.5, else class 0.
        """
        return classes(self._outputs(x, batch_size))

    def predict_proba(self, x: Array, batch_size: int = 1000) -> Array:
        """The probability of every class, `(N, K)`: the softmax of the outputs.

        What softmax or sigmoid at the end gave are probabilities and stay as they are (those of a sigmoid need not add
        up to 1), and so does a single output.
        """
        out = self._outputs(x, batch_size)
        probable = misuse.activation_of(misuse.last_layer(self)) in ("softmax", "sigmoid")
        return out if probable or out.shape[1] == 1 else softmax(out)

    def _outputs(self, x: Array, batch_size: int) -> Array:
        out = np.concatenate([part for _, part in evaluation.outputs(self, x, batch_size)])
        check_finite(f"{self.label}, outputs", out)  # of NaN, class 0 would be the largest
        return out

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
        lines = [f"  {name}: {layer!r}".replace("\n", "\n  ") for name, layer in self._layers.items()]
        return "\n".join(["Sequential(", *lines, ")"])


def check_batch(label: str, x: Array) -> None:
    """Refuses what is no batch of numbers.

    Raises:
        InputError: on anything but a floating-point array of at least one sample, or NaN and infinity in it.
    """
    if type(x) not in PLAIN or x.dtype.kind != "f" or x.ndim < 2:
        given = f"{x.dtype} of shape {x.shape}" if type(x) in PLAIN else type(x).__name__
        raise InputError(f"{label}: expected an array of float32 or float64, samples in rows, given {given}")
    if x.size == 0:
        raise InputError(f"{label}: expected at least one sample, given an empty array {x.shape}")
    check_finite(label, x)


def _equal(given: Array, out: Array) -> bool:
    """Whether these are the outputs, be it in another type of numbers."""
    return np.array_equal(given, out.astype(given.dtype, copy=False))


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
