"""How a single number of a layer, a loss or an update comes about, written out with the numbers that go into it.

For `trace`. What has no function of its own here, such as a layer of yours, is shown by its equation and its arrays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from groundup.numpy_nets.activations import ReLU, Sigmoid, Softmax, Tanh, softmax
from groundup.numpy_nets.conv import Conv2D
from groundup.numpy_nets.dense import Dense
from groundup.numpy_nets.layer import Array, Layer
from groundup.numpy_nets.losses import BinaryCrossEntropy, Loss, MeanSquaredError, SoftmaxCrossEntropy
from groundup.numpy_nets.optimizers import SGD, Optimizer
from groundup.numpy_nets.pooling import AvgPool2D, MaxPool2D, Pool
from groundup.numpy_nets.typeset import Index, factor, number, total


@dataclass
class Pass:
    """What went through a layer: x, y = f(x), and dL/dy on the way back."""

    x: Array
    y: Array
    grad: Array


# ---------------------------------------------------------------------------------------------------- forward: y[at]


@singledispatch
def output(layer: Layer, x: Array, at: Index) -> str | None:
    """The right-hand side of y[at] = ..."""
    return None


@output.register
def _(layer: Dense, x: Array, at: Index) -> str:
    n, j = at
    weight = layer.params["weight"][j]
    return total(zip(x[n], weight, strict=True), _bias(layer, j))


@output.register
def _(layer: Conv2D, x: Array, at: Index) -> str:
    n, o, h, w = at
    weight = layer.params["weight"]
    terms = [(x[n, c, a, b], weight[o, c, i, j]) for c, i, j, a, b in _window(layer, x, h, w)]
    return total(terms, _bias(layer, o))


@output.register
def _(layer: MaxPool2D, x: Array, at: Index) -> str:
    return f"max({', '.join(map(number, _pooled(layer, x, at)))})"


@output.register
def _(layer: AvgPool2D, x: Array, at: Index) -> str:
    return f"({' + '.join(map(factor, _pooled(layer, x, at)))}) / {layer.size**2}"


@output.register
def _(layer: ReLU, x: Array, at: Index) -> str:
    return f"max({number(x[at])}, 0)"


@output.register
def _(layer: Sigmoid, x: Array, at: Index) -> str:
    return f"1 / (1 + exp({number(-x[at])}))"


@output.register
def _(layer: Tanh, x: Array, at: Index) -> str:
    return f"tanh({number(x[at])})"


@output.register
def _(layer: Softmax, x: Array, at: Index) -> str:
    return f"exp({number(x[at])}) / ({' + '.join(f'exp({number(v)})' for v in x[at[:-1]])})"


# ----------------------------------------------------------------------------- backward: dL/dx[at], dL/d(weight)[at]


@singledispatch
def input_grad(layer: Layer, seen: Pass, at: Index) -> str | None:
    """The right-hand side of dL/dx[at] = ..."""
    return None


@input_grad.register
def _(layer: Dense, seen: Pass, at: Index) -> str:
    n, i = at
    return total(zip(seen.grad[n], layer.params["weight"][:, i], strict=True))


@input_grad.register
def _(layer: Conv2D, seen: Pass, at: Index) -> str:
    n, channel, row, column = at
    weight, (outputs, rows, columns) = layer.params["weight"], seen.y.shape[1:]
    terms = [
        (seen.grad[n, o, h, w], weight[o, c, i, j])
        for o, h, w in np.ndindex(outputs, rows, columns)
        for c, i, j, a, b in _window(layer, seen.x, h, w)
        if (c, a, b) == (channel, row, column)
    ]
    return total(terms)


@input_grad.register
def _(layer: ReLU, seen: Pass, at: Index) -> str:
    return f"{factor(seen.grad[at])}·{int(seen.x[at] > 0)}"


@input_grad.register
def _(layer: Sigmoid, seen: Pass, at: Index) -> str:
    y = number(seen.y[at])
    return f"{factor(seen.grad[at])}·{y}·(1 - {y})"


@input_grad.register
def _(layer: Tanh, seen: Pass, at: Index) -> str:
    return f"{factor(seen.grad[at])}·(1 - {factor(seen.y[at])}²)"


@input_grad.register
def _(layer: Softmax, seen: Pass, at: Index) -> str:
    row = at[:-1]
    along = total(zip(seen.grad[row], seen.y[row], strict=True))
    return f"{factor(seen.y[at])}·({number(seen.grad[at])} - ({along}))"


@singledispatch
def weight_grad(layer: Layer, seen: Pass, name: str, at: Index) -> str | None:
    """The right-hand side of dL/d(weight)[at] = ..."""
    return None


@weight_grad.register
def _(layer: Dense, seen: Pass, name: str, at: Index) -> str:
    if name == "bias":
        return total((g,) for g in seen.grad[:, at[0]])
    j, i = at
    return total(zip(seen.grad[:, j], seen.x[:, i], strict=True))


@weight_grad.register
def _(layer: Conv2D, seen: Pass, name: str, at: Index) -> str:
    if name == "bias":
        return total((g,) for g in seen.grad[:, at[0]].flat)
    o, *place = at
    samples, _, rows, columns = seen.y.shape
    terms = [
        (seen.grad[n, o, h, w], seen.x[n, c, a, b])
        for n, h, w in np.ndindex(samples, rows, columns)
        for c, i, j, a, b in _window(layer, seen.x, h, w)
        if [c, i, j] == place
    ]
    return total(terms)


# --------------------------------------------------------------------------------------------------------------- loss


@singledispatch
def term(loss: Loss, out: Array, target: Array, at: Index) -> str | None:
    """The right-hand side of term[at] = ..."""
    return None


@term.register
def _(loss: MeanSquaredError, out: Array, target: Array, at: Index) -> str:
    return f"({number(out[at])} - {factor(target[at])})²"


@term.register
def _(loss: BinaryCrossEntropy, out: Array, target: Array, at: Index) -> str:
    y, t = number(out[at]), number(target[at])
    return f"-{t}·log({y}) - (1 - {t})·log(1 - {y})"


@term.register
def _(loss: SoftmaxCrossEntropy, out: Array, target: Array, at: Index) -> str:
    return f"-{number(target[at])}·log({number(softmax(out)[at])})"


@singledispatch
def slope(loss: Loss, out: Array, target: Array, at: Index) -> str | None:
    """The right-hand side of dL/dy[at] = ..., but for the factor of the reduction."""
    return None


@slope.register
def _(loss: MeanSquaredError, out: Array, target: Array, at: Index) -> str:
    return f"2·({number(out[at])} - {factor(target[at])})"


@slope.register
def _(loss: BinaryCrossEntropy, out: Array, target: Array, at: Index) -> str:
    y, t = number(out[at]), number(target[at])
    return f"({y} - {t}) / ({y}·(1 - {y}))"


@slope.register
def _(loss: SoftmaxCrossEntropy, out: Array, target: Array, at: Index) -> str:
    return f"({number(softmax(out)[at])} - {number(target[at])})"


# ------------------------------------------------------------------------------------------------------------- update


@singledispatch
def update(optimizer: Optimizer, old: float, grad: float) -> str | None:
    """The right-hand side of w = ..."""
    return None


@update.register
def _(optimizer: SGD, old: float, grad: float) -> str | None:
    if optimizer.momentum or optimizer.weight_decay:
        return None
    return f"{number(old)} - {number(optimizer.lr)}·{factor(grad)}"


# ------------------------------------------------------------------------------------------------------------ windows


def _bias(layer: Layer, j: int) -> float | None:
    return layer.params["bias"][j] if "bias" in layer.params else None


def _window(layer: Conv2D, x: Array, h: int, w: int) -> Iterable[Index]:
    """For output (h, w): channel c, place (i, j) in the kernel, place (a, b) in the image. Padding is left out: 0."""
    k, s, p = layer.kernel_size, layer.stride, layer.padding
    for c, i, j in np.ndindex(x.shape[1], k, k):
        a, b = h * s + i - p, w * s + j - p
        if 0 <= a < x.shape[2] and 0 <= b < x.shape[3]:
            yield c, i, j, a, b


def _pooled(layer: Pool, x: Array, at: Index) -> Iterable[float]:
    n, c, h, w = at
    top, left = h * layer.stride, w * layer.stride
    return x[n, c, top : top + layer.size, left : left + layer.size].flat
