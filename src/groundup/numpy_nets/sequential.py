"""The network that one makes and uses: layers one after another, with all that is done with them as methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import wraps
from os import PathLike
from typing import Any, TextIO

import numpy as np
from numpy.typing import ArrayLike

from groundup.numpy_nets import evaluation, losses, misuse, summary, trace, training, weights
from groundup.numpy_nets.activations import softmax
from groundup.numpy_nets.chain import Chain
from groundup.numpy_nets.checks import check_finite
from groundup.numpy_nets.evaluation import Evaluation
from groundup.numpy_nets.layer import Array, InputError, Layer
from groundup.numpy_nets.losses import Loss
from groundup.numpy_nets.optimizers import Optimizer
from groundup.numpy_nets.targets import classes


class Sequential(Chain):
    """Layers one after another: y = f_n(... f_2(f_1(x))).

    `params`, `grads` and `buffers` hold those of all layers, named LAYER.WEIGHT: "0.weight", "features.conv1.bias";
    `net.params["0.weight"] = w` sets a weight, see `Arrays`. The layers of a network are fixed. For other layers make
    another `Sequential`; it may have some of the same layers.

    Args:
        layers: the layers in order. In a list they are named "0", "1" and so on; in a dict the keys are their names. A
            layer may be a `Sequential` itself.

    Raises:
        InputError: on no layer, on something else than a layer, on the same layer or the same name twice.
    """

    def __init__(self, layers: Iterable[Layer] | Mapping[str, Layer]):
        if isinstance(layers, Layer):
            raise InputError(f"Sequential: expected a list or a dict of layers, given {layers!r}")
        named = layers if isinstance(layers, Mapping) else {str(i): layer for i, layer in enumerate(layers)}
        _check_layers(named)
        super().__init__(named)
        # Of the last forward pass: what it gave, and whether it was for training.
        self._y: Array | None = None
        self._trained = False

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = f_n(... f_2(f_1(x))).

        Raises:
            InputError: on anything but a batch of finite floating-point numbers that fits the layers.
        """
        y = super().forward(x, training)
        self._y, self._trained = y, training
        return y

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

    def backward(self, grad: Array, input_grad: bool = False) -> Array | None:  # type: ignore[override]
        """The chain rule, see `Chain.backward`. A gradient that a loss made is checked first.

        Raises:
            RuntimeError: before any forward pass.
            InputError: the loss was not computed from the outputs of the last forward pass; or since then a layer ran
                again, or an optimizer moved its weights.
        """
        self._check_maker(grad, input_grad)
        return super().backward(grad, input_grad)

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
                "and out as it came. If out is the last outputs plus something else, as in the sum of two "
                "networks, the gradient is the same: pass a copy, net.backward(grad.copy())"
            )
        misuse.warn_of_ending(self, loss)
        if not self._trained and not input_grad:
            misuse.warn_of_evaluation_mode(self)

    def predict(self, x: Array, batch_size: int = 1000) -> Array:
        """The class of every sample, `(N,)`: the number of the largest output.

        A single output says class 1 where it is above 0.5, else class 0.
        """
        return classes(self._outputs(x, batch_size))

    def predict_proba(self, x: Array, batch_size: int = 1000) -> Array:
        """The probability of every class, `(N, K)`: the softmax of the outputs.

        Outputs of a final softmax or sigmoid are probabilities already and stay as they are. Those of a sigmoid need
        not add up to 1. A single output stays as it is, too.
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


def _equal(given: Array, out: Array) -> bool:
    """Whether these are the outputs, be it in another type of numbers."""
    return np.array_equal(given, out.astype(given.dtype, copy=False))


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
        inner = dict(layer.walk()) if isinstance(layer, Chain) else {}
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
