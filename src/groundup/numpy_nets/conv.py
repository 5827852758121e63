"""Convolutional layer."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike

from groundup.numpy_nets.checks import check_grad, check_input, check_sizes
from groundup.numpy_nets.init import Init, set_weights, uniform
from groundup.numpy_nets.layer import Array, InputError, Layer


class Conv2D(Layer):
    """Every output is a weighted sum of a k by k window of all input channels, with the same weights everywhere.

    y[n,o,h,w] = b[o] + sum over c, i, j of W[o,c,i,j] x[n, c, h stride + i, w stride + j], x with `padding` zeros
    around it; `x` is `(N, C, H, W)`, `y` is `(N, O, H', W')` with H' = (H + 2 padding - k) // stride + 1.
    `params["weight"]` W is `(O, C, k, k)`, `params["bias"]` b is `(O,)`, as in `torch.nn.Conv2d`.

    It is computed as one matrix product for each row h of the output, so that BLAS does the work. The arrays lie
    in memory as `(H, C, W, N)`: rows of the image first, the batch last. With the batch last NumPy copies and adds
    long runs of numbers instead of single ones. With the rows first, the k rows of x that one row of y looks at are
    neighbours, so they are a matrix as they lie. Only the shifts along the width need copies ("strips"): k of them. The
    usual column matrix (im2col) has k². Outside, only the strides of the `(N, C, H, W)` views show it.

    Args:
        bias: False leaves b out.
        init: the initialiser of W, or its name, such as "xavier"; b begins with zeros.
        dtype: float32 or float64.
        rng: the generator that W is drawn from; None is a fresh one, different each time.

    Raises:
        InputError: on a batch of another shape or type, an empty one, NaN or infinity, images smaller than a window.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        init: Init | str = uniform,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        sizes = {"in_channels": in_channels, "out_channels": out_channels, "kernel_size": kernel_size, "stride": stride}
        self.in_channels, self.out_channels, self.kernel_size, self.stride = check_sizes(self, **sizes)
        [self.padding] = check_sizes(self, least=0, padding=padding)
        shape = (self.out_channels, self.in_channels, self.kernel_size, self.kernel_size)
        set_weights(self, shape, bias, init, dtype, rng)

    def forward(self, x: Array, training: bool = False) -> Array:
        """Row h of y is W times the matrix `(i c j, w n)` of the k rows of x from h stride on."""
        check_input(self, x, ("N", self.in_channels, "H", "W"))
        k, p, s = self.kernel_size, self.padding, self.stride
        if min(x.shape[2:]) + 2 * p < k:
            raise InputError(f"{self.label}: expected images of {k}x{k} or more, padding included, given {x.shape}")
        rows = rows_first(x)
        if p:
            rows = np.pad(rows, ((p, p), (0, 0), (p, p), (0, 0)))
        self._shape: tuple[int, ...] = rows.shape
        self._width = (rows.shape[2] - k) // s + 1  # of y
        # strips[r,c,j,w,n] = x[n, c, r, w stride + j]
        strips = np.stack([rows[:, :, j : j + s * self._width : s] for j in range(k)], axis=2)
        self._blocks = blocks_of_rows(strips, k, s)
        weight = self.params["weight"].transpose(0, 2, 1, 3).reshape(self.out_channels, -1)  # (o, i c j)
        y = (weight @ self._blocks).reshape(-1, self.out_channels, self._width, len(x))
        if "bias" in self.params:
            y += self.params["bias"][:, None, None]
        y = batch_first(y)
        self.output_shape = y.shape
        return y

    def backward_params(self, grad: Array) -> None:
        """dL/dW[o,c,i,j] = sum over n, h, w of dL/dy[n,o,h,w] x[n, c, h stride + i, w stride + j].

        dL/db[o] = sum over n, h, w of dL/dy[n,o,h,w].
        """
        check_grad(self, grad)
        height, k = len(self._blocks), self.kernel_size
        rows = rows_first(grad).reshape(height, self.out_channels, -1)
        weight = (rows @ self._blocks.transpose(0, 2, 1)).sum(axis=0)  # of each row of the output, then of all
        weight = weight.reshape(self.out_channels, k, self.in_channels, k).transpose(0, 2, 1, 3)
        self.grads["weight"] = np.ascontiguousarray(weight)
        if "bias" in self.params:
            self.grads["bias"] = grad.sum(axis=(0, 2, 3))

    def backward_input(self, grad: Array) -> Array:
        """dL/dx[n,c,r,q] = sum of W[o,c,i,j] dL/dy[n,o,h,w] over o and all h stride + i = r, w stride + j = q.

        Along the height this is again a window of k rows, of dL/dy with the kernel upside down: i = k - 1 meets the
        first of them. Along the width the k strips are added where the forward pass took them from.
        """
        k, p, s = self.kernel_size, self.padding, self.stride
        height, channels, _, batch = self._shape
        rows = rows_first(grad)
        # Row h of dL/dy lies at row h stride, after k - 1 rows of zeros: block r holds those from r - k + 1 to r.
        spread = np.zeros((height + k - 1, *rows.shape[1:]), rows.dtype)
        spread[k - 1 : k - 1 + s * len(rows) : s] = rows
        weight = self.params["weight"][:, :, ::-1].transpose(1, 3, 2, 0).reshape(channels * k, -1)  # (c j, i o)
        strips = (weight @ blocks_of_rows(spread, k, 1)).reshape(height, channels, k, self._width, batch)
        dx = np.zeros(self._shape, rows.dtype)
        for j in range(k):
            dx[:, :, j : j + s * self._width : s] += strips[:, :, j]
        return batch_first(dx[p : dx.shape[0] - p, :, p : dx.shape[2] - p])

    def __repr__(self) -> str:
        stride = f", stride={self.stride}" if self.stride != 1 else ""
        padding = f", padding={self.padding}" if self.padding else ""
        bias = "" if "bias" in self.params else ", bias=False"
        return f"Conv2D({self.in_channels}, {self.out_channels}, {self.kernel_size}{stride}{padding}{bias})"


def rows_first(x: Array) -> Array:
    """`(N, C, H, W)` as `(H, C, W, N)`, contiguous; no copy if it lies in memory like that already."""
    return np.ascontiguousarray(x.transpose(2, 1, 3, 0))


def batch_first(rows: Array) -> Array:
    """The inverse: a view of `(H, C, W, N)` as `(N, C, H, W)`."""
    return rows.transpose(3, 1, 0, 2)


def blocks_of_rows(rows: Array, size: int, stride: int) -> Array:
    """Each `size` rows in a row, every `stride`, as matrices: a view of `(H, ..., W, N)` as `(H', size ..., W N)`."""
    lines = rows.reshape(-1, rows.shape[-2] * rows.shape[-1])
    lines_per_row = len(lines) // len(rows)
    blocks = sliding_window_view(lines, size * lines_per_row, axis=0)[:: stride * lines_per_row]
    return blocks.transpose(0, 2, 1)
