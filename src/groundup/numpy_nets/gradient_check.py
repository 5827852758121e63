"""Whether gradients are right: held against the slopes that one measures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from groundup.numpy_nets.checks import weight_grad
from groundup.numpy_nets.layer import Array, InputError, Layer
from groundup.numpy_nets.losses import Loss
from groundup.numpy_nets.sequential import Sequential


def central_differences(f: Callable[[], float], x: Array, step: float = 1e-5) -> Array:
    """df/dx by (f(x + step) - f(x - step)) / (2 step). It changes x in place, one number after the other.

    The error is of the order of step² from the curvature and of 1e-16 / step from rounding, so x should be float64.
    """
    above, below = _both_sides(f, x, step)
    return (above - below) / (2 * step)


def _both_sides(f: Callable[[], float], x: Array, step: float) -> tuple[Array, Array]:
    """f(x + step) and f(x - step) for each number of x by itself."""
    above, below = np.empty_like(x), np.empty_like(x)
    for place in np.ndindex(x.shape):
        before = x[place]
        try:
            x[place] = before + step
            above[place] = f()
            x[place] = before - step
            below[place] = f()
        finally:  # Ctrl-C leaves the numbers as they were
            x[place] = before
    return above, below


def gradient_errors(net: Layer, x: Array, y: ArrayLike, loss: Loss, step: float = 1e-5) -> dict[str, float]:
    """How far each gradient is from central differences: max |g - g'| / max |g'|, g' the measured one.

    The errors are named by the weights. "input" is dL/dx; it is left out if x is not of floats, or if the first layer
    has no `backward_input`.

    An error is below 1e-6 if `backward` is right. Numbers at a kink have no slope, such as a ReLU at 0 or a maximum
    over a blank part of an image. Their slopes to both sides differ by more than a thousandth of the largest slope.
    They are left out, unless all numbers of a weight are such. A gradient that is nearly 0, such as that of a bias
    before batch norm, is measured no more precisely than others. Therefore max |g'| counts as at least a thousandth of
    the network's largest gradient, and of the loss.

    Every weight and every number of x costs two forward passes, so take a small network and a few samples. Weights and
    buffers, such as the running means of batch norm, are put back afterwards. x is not changed.

    Args:
        net: with weights of float64, and without dropout, which draws anew at every pass.
        x: a few samples, `(N, ...)`.
        y: targets as the loss takes them.

    Raises:
        InputError: on weights of another type, or a network that gives something else each time.
    """
    for name, weight in net.params.items():
        if weight.dtype != np.float64:
            raise InputError(f"gradient_errors: expected weights of float64, given '{name}' of {weight.dtype}")
    before = {name: buffer.copy() for name, buffer in net.buffers.items()}
    try:
        return _errors(net, x, y, loss, step)
    finally:
        for name, buffer in net.buffers.items():
            buffer[...] = before[name]


def _errors(net: Layer, x: Array, y: ArrayLike, loss: Loss, step: float) -> dict[str, float]:
    def value() -> float:
        return loss.forward(net.forward(x, training=True), y)

    size = value()
    if size != value():
        raise InputError("gradient_errors: expected the same outputs at every pass, given others: leave dropout out")
    net.backward(loss.backward())
    exact = {n: weight_grad("gradient_errors", net.grads, n, w).copy() for n, w in net.params.items()}
    sides = {name: _both_sides(value, weight, step) for name, weight in net.params.items()}
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        x = x.astype(np.float64)
        value()
        dx = _input_grad(net, loss.backward())
        if dx is not None:
            exact["input"] = weight_grad("gradient_errors", {"input": dx}, "input", x)
            sides["input"] = _both_sides(value, x, step)
    slopes = {name: (above - below) / (2 * step) for name, (above, below) in sides.items()}
    floor = max([abs(size), *(np.abs(slope).max() for slope in slopes.values())]) / 1000
    bends = {name: np.abs(above + below - 2 * size) / step for name, (above, below) in sides.items()}
    return {name: _relative_error(exact[name], slope, bends[name], floor) for name, slope in slopes.items()}


def _input_grad(net: Layer, grad: Array) -> Array | None:
    """dL/dx; None of a layer that, as the first one of its network, computes none."""
    try:
        return net.backward(grad, input_grad=True) if isinstance(net, Sequential) else net.backward(grad)
    except NotImplementedError:
        return None


def _relative_error(exact: Array, slopes: Array, bends: Array, floor: float) -> float:
    """The largest error, by the largest slope; `bends` are the differences of the slopes to both sides."""
    largest = max(float(np.abs(slopes).max()), floor) or 1.0
    errors, kinked = np.abs(exact - slopes), bends > 1e-3 * largest
    # Slopes that change within the step are not measured so exactly.
    errors = np.where(bends > 1e-4 * largest, np.maximum(errors - 10 * bends, 0), errors)
    return float(errors[~kinked | kinked.all()].max() / largest)
