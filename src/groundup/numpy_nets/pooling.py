"""Pooling makes images smaller: each window becomes one number."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import repeat

import numpy as np

from groundup.numpy_nets.checks import check_grad, check_shape, check_sizes
from groundup.numpy_nets.layer import Array, InputError, Layer


class Pool(Layer):
    """What both kinds share: `(N, C, H, W)` becomes `(N, C, H', W')` with H' = (H - size) // stride + 1.

    Rows and columns at the end that fill no window are left out, as in PyTorch.

    Args:
        size: height and width of a window.
        stride: from one window to the next; None is `size`, windows side by side.

    Raises:
        InputError: on anything but a batch of images at least as large as a window.
    """

    def __init__(self, size: int, stride: int | None = None):
        super().__init__()
        self.size, self.stride = check_sizes(self, size=size, stride=size if stride is None else stride)

    def forward(self, x: Array, training: bool = False) -> Array:
        check_shape(self, x, ("N", "C", "H", "W"))
        if min(x.shape[2:]) < self.size:
            raise InputError(f"{self.label}: expected images of {self.size}x{self.size} or more, given {x.shape}")
        self._x, self._y = x, self.pool(x)
        self.output_shape = self._y.shape
        return self._y

    def pool(self, x: Array) -> Array:
        """One number of each window."""
        raise NotImplementedError

    def backward_input(self, grad: Array) -> Array:
        """dL/dx, whose numbers each take their part of dL/dy of the windows they are in."""
        check_grad(self, grad)
        dx = np.zeros_like(self._x)
        for part, share in zip(self._places(dx), self.shares(grad), strict=True):
            part += share
        return dx

    def shares(self, grad: Array) -> Iterator[Array]:
        """For each place of a window, what it takes of dL/dy."""
        raise NotImplementedError

    def _places(self, x: Array) -> Iterator[Array]:
        """For each place (i, j) of a window a view of x with the number there of every window, `(N, C, H', W')`."""
        rows, columns = ((side - self.size) // self.stride + 1 for side in x.shape[2:])
        for i in range(self.size):
            for j in range(self.size):
                yield x[:, :, i :: self.stride, j :: self.stride][:, :, :rows, :columns]

    def __repr__(self) -> str:
        stride = "" if self.stride == self.size else f", stride={self.stride}"
        return f"{type(self).__name__}({self.size}{stride})"


class MaxPool2D(Pool):
    """The largest number of each window: y[n,c,h,w] = max over i, j of x[n, c, h stride + i, w stride + j].

    All windows at once, place by place: the running maximum of k² shifted views of x.
    """

    def pool(self, x: Array) -> Array:
        return reduce(np.maximum, self._places(x))

    def shares(self, grad: Array) -> Iterator[Array]:
        """All of it for the place of the maximum; of equal numbers the first one takes it."""
        left = np.empty_like(self._y)  # what of dL/dy no place has taken yet; it lies in memory as y does
        left[...] = grad
        for x in self._places(self._x):
            share = left * (x == self._y)
            yield share
            left -= share


class AvgPool2D(Pool):
    """The mean of each window: y[n,c,h,w] = 1/size² sum over i, j of x[n, c, h stride + i, w stride + j]."""

    def pool(self, x: Array) -> Array:
        return reduce(np.add, self._places(x)) / x.dtype.type(self.size**2)

    def shares(self, grad: Array) -> Iterator[Array]:
        """dL/dy / size² for each place."""
        return repeat(grad / grad.dtype.type(self.size**2), self.size**2)
