"""Dropout: random zeros while training."""

from __future__ import annotations

import numpy as np

from groundup.numpy_nets.checks import check_floats, check_grad, generator
from groundup.numpy_nets.layer import Array, Layer


class Dropout(Layer):
    """While training every number is 0 with probability p: y = x m / (1 - p), where m is 0 or 1; otherwise y = x.

    Dividing by 1 - p keeps the mean as it is without dropout, so nothing has to be scaled afterwards ("inverted"
    dropout; Srivastava et al. 2014, section 10).

    Args:
        p: 0 <= p < 1.

    Attributes:
        rng: the generator that the zeros are drawn from; None at first is a fresh one, different each time.

    Raises:
        ValueError: p out of range.
        InputError: on an empty batch, or anything but floating-point numbers.
    """

    def __init__(self, p: float = 0.5, rng: np.random.Generator | None = None):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"{self.label}: expected 0 <= p < 1, given {p}")
        self.p = p
        self.rng = generator(self.label, rng)
        self._mask: Array | None = None

    @property
    def differs_in_training(self) -> bool:  # type: ignore[override]
        return self.p > 0

    def forward(self, x: Array, training: bool = False) -> Array:
        check_floats(self, x)
        self.output_shape = x.shape
        if not training or self.p == 0:
            self._mask = None
            return x
        keep = self.rng.random(x.shape, np.float32) >= self.p
        self._mask = keep.astype(x.dtype) / x.dtype.type(1 - self.p)
        return x * self._mask

    def backward_input(self, grad: Array) -> Array:
        """dL/dx = dL/dy m / (1 - p)."""
        check_grad(self, grad)
        return grad if self._mask is None else grad * self._mask

    def __repr__(self) -> str:
        return f"Dropout({self.p})"
