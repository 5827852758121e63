"""Hand-written networks: NumPy computes them, forward and backward."""

from __future__ import annotations

import numpy as np

from groundup.numpy_nets import Dense, Flatten, ReLU, Sequential


class Hidden(Sequential):
    """One hidden layer; its weights are drawn from the run's `rng`."""

    def __init__(self, in_channels: int, image_size: tuple[int, int], num_classes: int, rng, units: int = 16):
        pixels = in_channels * image_size[0] * image_size[1]
        super().__init__([Flatten(), Dense(pixels, units, rng=rng), ReLU(), Dense(units, num_classes, rng=rng)])


def linear(num_classes: int, pixels: int = 64):
    """None; a function that does not even say what it makes, and draws by itself."""
    weights = np.random.default_rng(3)
    return Sequential([Flatten(), Dense(pixels, num_classes, rng=weights)])
