"""Fully connected layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from groundup.numpy_nets.checks import check_grad, check_input, check_sizes
from groundup.numpy_nets.init import Init, set_weights, uniform
from groundup.numpy_nets.layer import Array, Layer


class Dense(Layer):
    """Every output is a weighted sum of all inputs: y = x Wᵀ + b.

    `x` is `(N, in_features)`, `y` is `(N, out_features)`, `params["weight"]` W is `(out_features, in_features)` and
    `params["bias"]` b is `(out_features,)`, as in `torch.nn.Linear`.

    Args:
        bias: False leaves b out.
        init: the initialiser of W, or its name, such as "xavier"; b begins with zeros.
        dtype: float32 or float64.
        rng: the generator that W is drawn from; None is a fresh one, different each time.

    Raises:
        InputError: on a batch of another shape or type, an empty one, NaN or infinity.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        init: Init | str = uniform,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        sizes = check_sizes(self, in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = sizes
        set_weights(self, (self.out_features, self.in_features), bias, init, dtype, rng)

    def forward(self, x: Array, training: bool = False) -> Array:
        check_input(self, x, ("N", self.in_features))
        self._x = x
        y = x @ self.params["weight"].T
        if "bias" in self.params:
            y += self.params["bias"]
        self.output_shape = y.shape
        return y

    def backward_params(self, grad: Array) -> None:
        """dL/dW = (dL/dy)ᵀ x and dL/db = sum of dL/dy over the batch."""
        check_grad(self, grad)
        self.grads["weight"] = np.dot(grad.T, self._x)  # the operator @ takes ten times as long for a single sample
        if "bias" in self.params:
            self.grads["bias"] = grad.sum(axis=0)

    def backward_input(self, grad: Array) -> Array:
        """dL/dx = dL/dy W."""
        return grad @ self.params["weight"]

    def __repr__(self) -> str:
        bias = "" if "bias" in self.params else ", bias=False"
        return f"Dense({self.in_features}, {self.out_features}{bias})"
