"""Activation functions: every number by itself, of an array of any shape; softmax alone looks at a whole row.

All refuse an empty batch and anything but floating-point numbers with an `InputError`.
"""

from __future__ import annotations

import numpy as np

from groundup.numpy_nets.checks import check_floats, check_grad
from groundup.numpy_nets.layer import Array, Layer


class Identity(Layer):
    """y = x."""

    def forward(self, x: Array, training: bool = False) -> Array:
        check_floats(self, x)
        self.output_shape = x.shape
        return x

    def backward_input(self, grad: Array) -> Array:
        """dL/dx = dL/dy."""
        check_grad(self, grad)
        return grad


class ReLU(Layer):
    """y = max(x, 0) (Nair and Hinton 2010)."""

    def forward(self, x: Array, training: bool = False) -> Array:
        check_floats(self, x)
        self.output_shape = x.shape
        self._y = np.maximum(x, 0)
        return self._y

    def backward_input(self, grad: Array) -> Array:
        """dL/dx = dL/dy where x > 0, else 0; at the kink x = 0 it is 0, as PyTorch has it."""
        check_grad(self, grad)
        return grad * (self._y > 0)


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x)).

    Computed as exp(min(x, 0)) / (1 + exp(-|x|)), which is the same: exp of a positive number could overflow.
    """

    def forward(self, x: Array, training: bool = False) -> Array:
        check_floats(self, x)
        self.output_shape = x.shape
        self._y = np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))
        return self._y

    def backward_input(self, grad: Array) -> Array:
        """dL/dx = dL/dy y (1 - y)."""
        check_grad(self, grad)
        return grad * (self._y * (1 - self._y))


class Tanh(Layer):
    """y = tanh(x)."""

    def forward(self, x: Array, training: bool = False) -> Array:
        check_floats(self, x)
        self.output_shape = x.shape
        self._y = np.tanh(x)
        return self._y

    def backward_input(self, grad: Array) -> Array:
        """dL/dx = dL/dy (1 - y²)."""
        check_grad(self, grad)
        return grad * (1 - self._y * self._y)


class Softmax(Layer):
    """y_k = exp(x_k) / sum_j exp(x_j), of every row of `(N, K)`: positive numbers that add up to 1.

    The largest x of the row is subtracted first. This changes nothing, but keeps exp from overflowing.
    """

    def forward(self, x: Array, training: bool = False) -> Array:
        check_floats(self, x)
        self.output_shape = x.shape
        self._y = softmax(x)
        return self._y

    def backward_input(self, grad: Array) -> Array:
        """With the Jacobian dy_k/dx_j = y_k (δ_kj - y_j): dL/dx_j = y_j (dL/dy_j - sum_k dL/dy_k y_k)."""
        check_grad(self, grad)
        return self._y * (grad - (grad * self._y).sum(axis=-1, keepdims=True))


def softmax(x: Array) -> Array:
    """Softmax over the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
