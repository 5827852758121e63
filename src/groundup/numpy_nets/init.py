"""Initial weights. An initialiser is a function of a generator and the shape, `(out, in)` or `(out, in, k, k)`.

`fan_in` and `fan_out` count the connections into and out of one unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike

from groundup.numpy_nets.checks import check_flag, generator
from groundup.numpy_nets.layer import Array, Layer

Init = Callable[[np.random.Generator, tuple[int, ...]], Array]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """fan_in and fan_out of a weight."""
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """U(-1/sqrt(fan_in), 1/sqrt(fan_in)), long the usual choice (Glorot and Bengio 2010, equation 1)."""
    return uniform_within(1 / math.sqrt(fans(shape)[0]))(rng, shape)


def xavier(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """U(-a, a) with a = sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, equation 16)."""
    return uniform_within(math.sqrt(6 / sum(fans(shape))))(rng, shape)


def kaiming(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """N(0, 2 / fan_in), which keeps the variance through ReLU (He et al. 2015, equation 10)."""
    return normal_of(math.sqrt(2 / fans(shape)[0]))(rng, shape)


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """N(0, 0.01²) whatever the width of the layer (Krizhevsky et al. 2012, section 5)."""
    return normal_of(0.01)(rng, shape)


def perceptron(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """U(-a, a) with a = sqrt(6 / (fan_in + 1)): `xavier` for a single unit, whose fan_out is 1."""
    return uniform_within(math.sqrt(6 / (fans(shape)[0] + 1)))(rng, shape)


def uniform_within(bound: float) -> Init:
    """U(-bound, bound)."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return rng.uniform(-bound, bound, shape)

    return draw


def normal_of(std: float) -> Init:
    """N(0, std²)."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return rng.normal(0, std, shape)

    return draw


INITS: dict[str, Init] = {
    "uniform": uniform,
    "xavier": xavier,
    "kaiming": kaiming,
    "normal": normal,
    "perceptron": perceptron,
    "uniform_half": uniform_within(0.5),
    "standard_normal": normal_of(1.0),
}


def set_weights(
    layer: Layer,
    shape: tuple[int, ...],
    bias: bool,
    init: Init | str,
    dtype: DTypeLike,
    rng: np.random.Generator | None,
) -> None:
    """Draws `params["weight"]` of this shape; one `params["bias"]` for each output begins with zeros.

    Args:
        init: an initialiser, or the name of one in `INITS`.

    Raises:
        ValueError: neither float32 nor float64, an `init` of no such name, a `bias` that is neither True nor False, or
            an `rng` that is no generator.
    """
    check_dtype(layer, dtype)
    cure = "; an activation is a layer of its own, such as nn.ReLU() after this one, and others go by name: init=..."
    check_flag(layer.label, cure, bias=bias)
    draw = INITS.get(init) if isinstance(init, str) else init
    if not callable(draw):
        raise ValueError(f"{layer.label}: expected init to be a function or one of {', '.join(INITS)}, given {init!r}")
    weight = np.asarray(draw(generator(layer.label, rng), shape))
    if weight.shape != shape:
        raise ValueError(f"{layer.label}: expected init to draw weights of shape {shape}, given {weight.shape}")
    layer.params["weight"] = weight.astype(dtype)
    if bias:
        layer.params["bias"] = np.zeros(shape[0], dtype)


def check_dtype(layer: Layer, dtype: DTypeLike) -> None:
    """Refuses weights of any other type than float32 and float64.

    Raises:
        ValueError: naming the layer and the type.
    """
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"{layer.label}: expected weights of float32 or float64, given {np.dtype(dtype)}")
