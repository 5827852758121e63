"""Whether gradients are right: held against the slopes that one measures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from groundup.numpy_nets.layer import Array, InputError, Layer
from groundup.numpy_nets.losses import Loss


def central_differences(f: Callable[[], float], x: Array, step: float = 1e-5) -> Array:
    """df/dx by (f(x + step) - f(x - step)) / (2 step), x being changed in place, one number after the other.

    The error is of the order of step² from the curvature and of 1e-16 / step from rounding: x wants to be float64.
    """
    slopes = np.empty_like(x)
    for place in np.ndindex(x.shape):
        before = x[place]
        x[place] = before + step
        above = f()
        x[place] = before - step
        slopes[place] = (above - f()) / (2 * step)
        x[place] = before
    return slopes


def gradient_errors(net: Layer, x: Array, y: ArrayLike, loss: Loss, step: float = 1e-5) -> dict[str, float]:
    """How far the gradient of each weight is from central differences: max |g - g'| / max |g'|, g' the measured one.

    Below 1e-6 where `backward` is right, unless a ReLU or a maximum has a kink within `step`, as at a blank part of an
    image with biases of 0. Every weight costs two forward passes: a small network and a few samples will do.

    Buffers, such as the running means of batch norm, are as before afterwards.

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

    def value() -> float:
        return loss.forward(net.forward(x, training=True), y)

    before = {name: buffer.copy() for name, buffer in net.buffers.items()}
    if value() != value():
        raise InputError("gradient_errors: expected the same outputs at every pass, given others: leave dropout out")
    net.backward(loss.backward())
    exact = {name: grad.copy() for name, grad in net.grads.items()}
    measured = {name: central_differences(value, weight, step) for name, weight in net.params.items()}
    for name, buffer in net.buffers.items():
        buffer[...] = before[name]
    return {name: _relative_error(exact[name], slopes) for name, slopes in measured.items()}


def _relative_error(exact: Array, measured: Array) -> float:
    largest = float(np.abs(measured).max())
    return float(np.abs(exact - measured).max()) / (largest or 1.0)
