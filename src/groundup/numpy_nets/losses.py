"""Loss functions: how far outputs are from targets, as one number, and its gradient.

A loss is a sum of terms, one for each of the N samples and K outputs, times a factor that `reduction` chooses:

    "mean"       1 / (N K)    mean over all entries
    "batchmean"  1 / N        sum over the outputs, mean over the batch
    "sum"        1
    "half_sum"   1 / 2        the textbook's ½ Σ (y - t)²
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from groundup.numpy_nets.activations import softmax
from groundup.numpy_nets.layer import Array, InputError, check_finite

REDUCTIONS = ("mean", "batchmean", "sum", "half_sum")


class Loss:
    """L = factor Σ term(y, t) over all samples and outputs. A subclass gives `terms` and `slopes`.

    Args:
        reduction: which factor, see the module.

    Raises:
        InputError: on an unknown reduction.
    """

    def __init__(self, reduction: str = "mean"):
        if reduction not in REDUCTIONS:
            raise InputError(f"{type(self).__name__}: expected a reduction among {REDUCTIONS}, given {reduction!r}")
        self.reduction = reduction
        self._last: tuple[Array, Array] | None = None

    def forward(self, out: Array, target: ArrayLike) -> float:
        """L of outputs `(N, K)`.

        Args:
            target: `(N, K)` numbers, or `(N,)` labels of an integer type, which stand for one-hot rows. For a single
                output (K = 1) `(N,)` are the numbers themselves.

        Raises:
            InputError: on other shapes, an empty batch, labels that are no class, NaN or infinity.
        """
        name = type(self).__name__
        self._last = None
        if not isinstance(out, np.ndarray) or out.ndim != 2 or out.dtype.kind != "f":
            raise InputError(f"{name}: expected float outputs of shape (N, K), given {_described(out)}")
        if out.size == 0:
            raise InputError(f"{name}: expected at least one sample, given outputs of shape {out.shape}")
        check_finite(f"{name}, outputs", out)
        entries = self.entries(np.asarray(target), out)
        self._check(out, entries)
        self._last = out, entries
        return float(self.terms(out, entries).sum()) * self.factor(out.shape)

    def backward(self) -> Array:
        """dL/dy `(N, K)` of the last forward pass, of the outputs' type.

        Raises:
            RuntimeError: before any forward pass.
        """
        if self._last is None:
            raise RuntimeError(f"{type(self).__name__}: backward() needs a forward() before it")
        slopes = self.slopes(*self._last)
        slopes *= self.factor(slopes.shape)
        return slopes

    def factor(self, shape: tuple[int, ...]) -> float:
        """What the sum of the terms of `(N, K)` outputs is multiplied by."""
        n, k = shape
        return {"mean": 1 / (n * k), "batchmean": 1 / n, "sum": 1.0, "half_sum": 0.5}[self.reduction]

    def terms(self, out: Array, target: Array) -> Array:
        """The loss of every entry, `(N, K)`."""
        raise NotImplementedError

    def slopes(self, out: Array, target: Array) -> Array:
        """d(sum of the terms)/dy, `(N, K)`: a new array."""
        raise NotImplementedError

    def entries(self, target: Array, out: Array) -> Array:
        """Targets as numbers of the outputs' shape and type."""
        if target.ndim == 1 and target.dtype.kind in "iu" and out.shape[1] > 1:
            return one_hot(target, out, type(self).__name__)
        if target.ndim == 1 and out.shape[1] == 1:
            target = target[:, None]
        if target.shape != out.shape or target.dtype.kind not in "fiub":
            name, n, k = type(self).__name__, *out.shape
            raise InputError(
                f"{name}: expected integer labels of shape ({n},) or targets of shape ({n}, {k}), "
                f"given {_described(target)}"
            )
        check_finite(f"{type(self).__name__}, targets", target)
        return target.astype(out.dtype, copy=False)

    def _check(self, out: Array, target: Array) -> None:
        """Refuses numbers that this loss is not defined for."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(reduction={self.reduction!r})"


class MeanSquaredError(Loss):
    """term = (y - t)². With "half_sum" L = ½ Σ (y - t)², whose gradient is y - t."""

    def terms(self, out: Array, target: Array) -> Array:
        return (out - target) ** 2

    def slopes(self, out: Array, target: Array) -> Array:
        """d term/dy = 2 (y - t)."""
        return 2 * (out - target)


class BinaryCrossEntropy(Loss):
    """term = -t log y - (1 - t) log(1 - y), of probabilities y, such as a sigmoid gives.

    Logarithms below -100 count as -100, as in `torch.nn.BCELoss`, so that a certain but wrong answer costs much, not
    infinitely much.
    """

    def terms(self, out: Array, target: Array) -> Array:
        with np.errstate(divide="ignore"):  # log 0, which the clamp takes care of
            log_y, log_rest = np.maximum(np.log(out), -100), np.maximum(np.log1p(-out), -100)
        return -target * log_y - (1 - target) * log_rest

    def slopes(self, out: Array, target: Array) -> Array:
        """d term/dy = (y - t) / (y (1 - y)), the denominator at least 1e-12."""
        return (out - target) / np.maximum(out * (1 - out), 1e-12)

    def _check(self, out: Array, target: Array) -> None:
        for what, values in (("outputs", out), ("targets", target)):
            outside = (values < 0) | (values > 1)
            if outside.any():
                row, column = (int(i) for i in np.argwhere(outside)[0])
                raise InputError(
                    f"BinaryCrossEntropy: expected {what} from 0 to 1, given {values[row, column]} at {(row, column)}"
                    + (" (a Sigmoid layer at the end gives probabilities)" if what == "outputs" else "")
                )


class SoftmaxCrossEntropy(Loss):
    """term_k = -t_k log p_k with p = softmax(y): of logits y, no Softmax layer before it.

    log p_k = y_k - log Σ_j exp(y_j); the row's largest y is subtracted from all first, which changes nothing but keeps
    exp from overflowing. Soft targets are allowed; every row adds up to 1.
    """

    def __init__(self, reduction: str = "batchmean"):
        super().__init__(reduction)

    def terms(self, out: Array, target: Array) -> Array:
        z = out - out.max(axis=1, keepdims=True)
        return -target * (z - np.log(np.exp(z).sum(axis=1, keepdims=True)))

    def slopes(self, out: Array, target: Array) -> Array:
        """d(sum of a row's terms)/dy = p - t."""
        slopes = softmax(out)
        slopes -= target
        return slopes

    def entries(self, target: Array, out: Array) -> Array:
        if target.ndim == 1 and target.dtype.kind in "iu":
            return one_hot(target, out, type(self).__name__)  # of a single class too
        entries = super().entries(target, out)
        sums = entries.sum(axis=1)
        wrong = (np.abs(sums - 1) > 1e-3) | (entries.min(axis=1) < 0)
        if wrong.any():
            row = int(wrong.argmax())
            raise InputError(
                f"SoftmaxCrossEntropy: expected targets from 0 on, every row adding up to 1, "
                f"given row {row} with the sum {sums[row]} and the smallest entry {entries[row].min()}"
            )
        return entries


def one_hot(labels: Array, out: Array, name: str) -> Array:
    """Labels `(N,)` as rows of zeros with a 1 at the label, of the outputs' shape `(N, K)` and type."""
    if len(labels) != len(out):
        raise InputError(f"{name}: expected {len(out)} labels, one for each sample, given {len(labels)}")
    check_labels(labels, out.shape[1], name)
    rows = np.zeros(out.shape, out.dtype)
    rows[np.arange(len(labels)), labels] = 1
    return rows


def check_labels(labels: Array, k: int, name: str) -> None:
    """Refuses labels that are no class.

    Raises:
        InputError: naming the first one that is none of 0 to k - 1.
    """
    if labels.min() >= 0 and labels.max() < k:
        return
    i = int(((labels < 0) | (labels >= k)).argmax())
    raise InputError(f"{name}: expected labels from 0 to {k - 1}, given {labels[i]} at {i}")


def _described(x: object) -> str:
    if not isinstance(x, np.ndarray):
        return type(x).__name__
    return f"{x.dtype} of shape {x.shape}"
