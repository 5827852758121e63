"""From images to rows of numbers."""

from __future__ import annotations

import math

from groundup.numpy_nets.layer import Array, Layer


class Flatten(Layer):
    """`(N, C, H, W)` becomes `(N, C H W)`: the numbers of a sample in one row, channel by channel, line by line."""

    def forward(self, x: Array, training: bool = False) -> Array:
        self._shape = x.shape
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def backward_input(self, grad: Array) -> Array:
        """dL/dx is dL/dy, in the shape of x."""
        return grad.reshape(self._shape)
