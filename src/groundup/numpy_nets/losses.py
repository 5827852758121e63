"""Loss functions: how far outputs are from targets, as one number, and its gradient.

A loss is a sum of terms, one for each of the N samples and K outputs, times a factor that `reduction` chooses:

    "mean"       1 / (N K)    mean over all entries
    "batchmean"  1 / N        sum over the outputs, mean over the batch
    "sum"        1
    "half_sum"   1 / 2        the textbook's ½ Σ (y - t)²
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from groundup.numpy_nets.activations import softmax
from groundup.numpy_nets.checks import check_finite
from groundup.numpy_nets.layer import PLAIN, Array, InputError
from groundup.numpy_nets.targets import as_targets, one_hot

REDUCTIONS = ("mean", "batchmean", "sum", "half_sum")


class Gradient(NamedTuple):
    """What a loss computed last, and of what."""

    array: Array
    out: Array
    target: Array


class Loss:
    """L = factor Σ term(y, t) over all samples and outputs. A subclass gives `terms` and `slopes`.

    A loss is called like a function: `loss(out, target)` is `loss.forward(out, target)`, the outputs first.

    Args:
        reduction: the factor, for N samples and K outputs: "mean" is 1 / (N K), "batchmean" is 1 / N, "sum" is 1, and
            "half_sum" is 1 / 2.

    Raises:
        InputError: on an unknown reduction.
    """

    def __init__(self, reduction: str = "mean"):
        if reduction not in REDUCTIONS:
            raise InputError(f"{type(self).__name__}: expected a reduction among {REDUCTIONS}, given {reduction!r}")
        self.reduction = reduction
        self._last: tuple[Array, Array] | None = None
        self.made: Gradient | None = None

    def __call__(self, out: Array, target: ArrayLike) -> float:
        return self.forward(out, target)

    def forward(self, out: Array, target: ArrayLike) -> float:
        """L of outputs `(N, K)`.

        Args:
            out: the outputs as the network gave them. `backward` returns the gradient with respect to them.
            target: `(N, K)` numbers, or `(N,)` labels of any integer type, which stand for one-hot rows. For a single
                output (K = 1) `(N,)` are the numbers themselves.

        Raises:
            InputError: on other shapes, an empty batch, labels that are no class, NaN or infinity.
        """
        name = type(self).__name__
        self._last = self.made = None
        if type(out) not in PLAIN or out.ndim != 2 or out.dtype.kind != "f":
            raise InputError(
                f"{name}: expected float outputs of shape (N, K), given {_described(out)}"
                " (the outputs come first: loss.forward(out, target))"
            )
        if out.size == 0:
            raise InputError(f"{name}: expected at least one sample, given outputs of shape {out.shape}")
        check_finite(f"{name}, outputs", out)
        entries = self.entries(as_targets(name, target), out)
        self._check(out)
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
        self.made = Gradient(slopes, *self._last)
        if not _recent or _recent[-1] is not self:
            _recent.append(self)
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
        """Targets, as `as_targets` gives them, as numbers of the outputs' shape and type; refuses what does not fit."""
        if target.ndim == 1 and target.dtype.kind == "i" and out.shape[1] > 1:
            return one_hot(target, out, type(self).__name__)
        if target.ndim == 1 and out.shape[1] == 1:
            target = target[:, None]
        if target.shape != out.shape:
            name, n, k = type(self).__name__, *out.shape
            cure = {(n,): "; labels are whole numbers: y.astype(int)", (n, 1): "; labels are in a row: y.ravel()"}
            raise InputError(
                f"{name}: expected integer labels of shape ({n},) or targets of shape ({n}, {k}), "
                f"given {_described(target)}{cure.get(target.shape, '')}"
            )
        check_finite(f"{type(self).__name__}, targets", target)
        return target.astype(out.dtype, copy=False)

    def _check(self, out: Array) -> None:
        """Refuses outputs that this loss is not defined for."""

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

    Logarithms below -100 count as -100, as in `torch.nn.BCELoss`. A certain but wrong answer then costs much, but not
    infinitely much.
    """

    def terms(self, out: Array, target: Array) -> Array:
        with np.errstate(divide="ignore"):  # log 0, which the clamp takes care of
            log_y, log_rest = np.maximum(np.log(out), -100), np.maximum(np.log1p(-out), -100)
        return -target * log_y - (1 - target) * log_rest

    def slopes(self, out: Array, target: Array) -> Array:
        """d term/dy = (y - t) / (y (1 - y)), the denominator at least 1e-12."""
        return (out - target) / np.maximum(out * (1 - out), 1e-12)

    def entries(self, target: Array, out: Array) -> Array:
        entries = super().entries(target, out)
        self._check_probabilities("targets", entries)
        return entries

    def _check(self, out: Array) -> None:
        self._check_probabilities("outputs", out, " (a Sigmoid layer at the end gives probabilities)")

    def _check_probabilities(self, what: str, values: Array, cure: str = "") -> None:
        outside = (values < 0) | (values > 1)
        if outside.any():
            row, column = (int(i) for i in np.argwhere(outside)[0])
            raise InputError(
                f"BinaryCrossEntropy: expected {what} from 0 to 1, given {values[row, column]} at {(row, column)}{cure}"
            )


class SoftmaxCrossEntropy(Loss):
    """term_k = -t_k log p_k with p = softmax(y), of logits y. The network has no Softmax layer at its end.

    log p_k = y_k - log Σ_j exp(y_j). The row's largest y is subtracted from all first. This changes nothing, but keeps
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
        if target.ndim == 1 and target.dtype.kind == "i":
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


_recent: deque[Loss] = deque(maxlen=8)  # those that made a gradient, the latest last


def maker_of(grad: Array) -> Loss | None:
    """The loss that made this very array lately; None where none did, as of a copy or anything computed of one."""
    for loss in reversed(_recent):
        if loss.made is not None and loss.made.array is grad:
            return loss
    return None


def _described(x: Any) -> str:
    if type(x) not in PLAIN:
        return type(x).__name__
    return f"{x.dtype} of shape {x.shape}"
