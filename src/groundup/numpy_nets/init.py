"""Initial weights. An initialiser is a function of a generator and the shape, `(out, in)` or `(out, in, k, k)`.

`fan_in` and `fan_out` count the connections into and out of one unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from groundup.numpy_nets.layer import Array

Init = Callable[[np.random.Generator, tuple[int, ...]], Array]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """fan_in and fan_out of a weight."""
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """U(-1/sqrt(fan_in), 1/sqrt(fan_in)), the older heuristic (LeCun et al. 1998, "Efficient BackProp")."""
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
