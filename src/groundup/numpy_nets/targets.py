"""Targets as arrays that one can compute with: the one place where labels, of whatever type, become int64."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from groundup.numpy_nets.layer import Array, InputError

_LARGEST = np.iinfo(np.int64).max


def as_targets(name: str, y: ArrayLike) -> Array:
    """Targets as a plain array: whole numbers and truth values in a row, which are labels, as int64.

    Small integers would overflow in what is computed of labels: 16 * 17 of uint8 is 16.

    Args:
        name: who asks, for the message.
        y: labels or numbers: an array, a list, a column of a table.

    Raises:
        InputError: on a masked array, on words and other things that are no real numbers, on what int64 cannot hold.
    """
    if type(y) is np.ndarray and y.dtype == np.int64:
        return y  # the most usual ones, and fast
    if isinstance(y, np.ma.MaskedArray):
        raise InputError(f"{name}: expected targets without a mask, given a masked array; leave those samples out")
    try:
        targets = np.asarray(y)
    except ValueError as error:  # rows of different lengths
        raise InputError(f"{name}: expected targets that make an array: {error}") from error
    if targets.dtype.kind not in "biuf":
        words = targets.size > 0 and all(isinstance(value, str | bytes) for value in targets.flat)
        cure = "; np.unique(y, return_inverse=True)[1] numbers words" if words else ""
        raise InputError(f"{name}: expected numbers as targets, given {targets.dtype} of shape {targets.shape}{cure}")
    if targets.ndim != 1 or targets.dtype.kind == "f":
        return targets
    if targets.dtype.kind == "u" and targets.size and (largest := int(targets.max())) > _LARGEST:
        raise InputError(f"{name}: expected labels that int64 can hold, given {largest} at {int(targets.argmax())}")
    return targets.astype(np.int64, copy=False)


def check_labels(labels: Array, k: int, name: str) -> None:
    """Refuses labels, of int64, that are no class.

    Raises:
        InputError: naming the first one that is none of 0 to k - 1.
    """
    if labels.view(np.uint64).max() < k:  # as which a negative number is larger than any class: one look, not two
        return
    i = int(((labels < 0) | (labels >= k)).argmax())
    cure = "; a single output wants BinaryCrossEntropy, after a Sigmoid" if k == 1 else ""
    raise InputError(f"{name}: expected labels from 0 to {k - 1}, given {labels[i]} at {i}{cure}")


def one_hot(labels: Array, out: Array, name: str) -> Array:
    """Labels `(N,)` as rows of zeros with a 1 at the label, of the outputs' shape `(N, K)` and type."""
    if len(labels) != len(out):
        raise InputError(f"{name}: expected {len(out)} labels, one for each sample, given {len(labels)}")
    check_labels(labels, out.shape[1], name)
    rows = np.zeros(out.shape, out.dtype)
    rows[np.arange(len(labels)), labels] = 1
    return rows


def classes(out: Array) -> Array:
    """The class `(N,)` of outputs `(N, K)`: the largest; for a single output class 1 where it is above 0.5."""
    return (out[:, 0] > 0.5).astype(np.int64) if out.shape[1] == 1 else out.argmax(axis=1)


def true_classes(targets: Array, outputs: int) -> Array:
    """The class `(N,)` of targets: labels are classes, of rows it is as of outputs, and so of a single number."""
    if targets.ndim == 1 and outputs == 1:
        targets = targets[:, None]
    return classes(targets) if targets.ndim == 2 else targets
