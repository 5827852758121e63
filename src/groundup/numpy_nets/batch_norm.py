"""Batch normalisation."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from groundup.numpy_nets.checks import check_grad, check_input, check_sizes
from groundup.numpy_nets.init import check_dtype
from groundup.numpy_nets.layer import Array, InputError, Layer


class BatchNorm(Layer):
    """Every feature or channel gets mean 0 and variance 1 over the batch, then a scale and a shift that are learnt.

    y = w x̂ + b with x̂ = (x - μ) / sqrt(σ² + ε); μ and σ² are mean and variance (divided by the count m) of a
    feature over `(N, C)`, or of a channel over N, H and W of `(N, C, H, W)` (Ioffe and Szegedy 2015, algorithm 1).
    Outside training μ and σ² are the running ones, which every training pass moves by
    running = (1 - momentum) running + momentum new, the new variance being divided by m - 1, as in PyTorch.

    w is `params["weight"]`, b is `params["bias"]`, both `(num_features,)`; `buffers` are `running_mean`,
    `running_var` and `num_batches_tracked`: the names of `torch.nn.BatchNorm1d` and `BatchNorm2d`.

    Args:
        rng: not used, because nothing is random here. Every layer with weights takes one.

    Raises:
        InputError: on a batch of another shape or type, an empty one, NaN or infinity; while training, on one with
            a single value per channel, whose variance means nothing.
    """

    differs_in_training = True

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        [num_features] = check_sizes(self, num_features=num_features)
        check_dtype(self, dtype)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.params.update(weight=np.ones(num_features, dtype), bias=np.zeros(num_features, dtype))
        self.buffers.update(
            running_mean=np.zeros(num_features, dtype),
            running_var=np.ones(num_features, dtype),
            num_batches_tracked=np.zeros((), np.int64),
        )

    def forward(self, x: Array, training: bool = False) -> Array:
        images = isinstance(x, np.ndarray) and x.ndim == 4
        check_input(self, x, ("N", self.num_features, "H", "W") if images else ("N", self.num_features))
        self._axes, self._trained = (0, 2, 3) if images else (0,), training
        self._count = x.size // self.num_features
        mean, var = self._batch_statistics(x) if training else self._running_statistics()
        self._scale = 1 / np.sqrt(var + x.dtype.type(self.eps))  # of the array's own type, so that y is too
        self.output_shape = x.shape
        self._x_hat = (x - self._wide(mean)) * self._wide(self._scale)
        return self._wide(self.params["weight"]) * self._x_hat + self._wide(self.params["bias"])

    def _batch_statistics(self, x: Array) -> tuple[Array, Array]:
        """μ and σ² of this batch; moves the running ones."""
        if self._count == 1:
            raise InputError(f"{self.label}: expected more than one value per channel to train on, given {x.shape}")
        mean, var = x.mean(axis=self._axes), x.var(axis=self._axes)
        for name, new in (("running_mean", mean), ("running_var", var * (self._count / (self._count - 1)))):
            self.buffers[name] *= 1 - self.momentum
            self.buffers[name] += self.momentum * new
        self.buffers["num_batches_tracked"] += 1
        return mean, var

    def _running_statistics(self) -> tuple[Array, Array]:
        return self.buffers["running_mean"], self.buffers["running_var"]

    def backward_params(self, grad: Array) -> None:
        """dL/dw = sum of dL/dy x̂ and dL/db = sum of dL/dy, over all but the channels."""
        check_grad(self, grad)
        self.grads["weight"] = (grad * self._x_hat).sum(axis=self._axes)
        self.grads["bias"] = grad.sum(axis=self._axes)

    def backward_input(self, grad: Array) -> Array:
        """Outside training dL/dx = w dL/dy / sqrt(σ² + ε). While training μ and σ² depend on x as well:

        dL/dx = w / sqrt(σ² + ε) (dL/dy - mean(dL/dy) - x̂ mean(dL/dy x̂)), the means over all but the channels.
        """
        if self._trained:
            along = (grad * self._x_hat).mean(axis=self._axes)
            grad = grad - self._wide(grad.mean(axis=self._axes)) - self._x_hat * self._wide(along)
        return grad * self._wide(self.params["weight"] * self._scale)

    def _wide(self, channels: Array) -> Array:
        """`(C,)` so that it meets the channels of the batch: `(1, C)` or `(1, C, 1, 1)`."""
        return channels.reshape(1, -1, *[1] * (len(self._axes) - 1))

    def __repr__(self) -> str:
        return f"BatchNorm({self.num_features})"
