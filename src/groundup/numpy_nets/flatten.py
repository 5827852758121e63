"""From images to rows of numbers."""

from __future__ import annotations

import math

from groundup.numpy_nets.checks import check_floats, check_grad
from groundup.numpy_nets.layer import Array, Layer


class Flatten(Layer):
    """`(N, C, H, W)` becomes `(N, C H W)`: the numbers of a sample in one row, channel by channel, line by line."""

    def forward(self, x: Array, training: bool = False) -> Array:
        check_floats(self, x)
        self._shape = x.shape
        y = x.reshape(len(x), math.prod(x.shape[1:]))
        self.output_shape = y.shape
        return y

    def backward_input(self, grad: Array) -> Array:
        """dL/dx is dL/dy, in the shape of x."""
        check_grad(self, grad)
        return grad.reshape(self._shape)
