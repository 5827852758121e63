"""How good a network is, over all samples of a set."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from groundup.numpy_nets import misuse
from groundup.numpy_nets.arguments import check_count, check_loss, check_pairs, check_targets
from groundup.numpy_nets.chain import Chain
from groundup.numpy_nets.layer import Array, InputError
from groundup.numpy_nets.losses import Loss
from groundup.numpy_nets.targets import as_targets, classes, true_classes


class Evaluation(NamedTuple):
    """The result of `Sequential.evaluate`.

    Attributes:
        loss: the loss of all samples at once, whatever the size of the batches.
        accuracy: the share of the samples whose class is right, 0 to 1.
        confusion_matrix: `(K, K)` counts: row the true class, column the predicted one.
        per_class: `(K,)` recall, the share of each class's samples that is right; NaN for a class without samples.
    """

    loss: float
    accuracy: float
    confusion_matrix: Array
    per_class: Array


def evaluate(net: Chain, x: Array, y: ArrayLike, loss: Loss, batch_size: int = 1000) -> Evaluation:
    """Loss, accuracy and confusion matrix of `net` over all samples.

    Args:
        x: `(N, ...)`.
        y: targets as the loss takes them.

    Raises:
        InputError: on another number of targets than samples, or what layers and loss refuse.
    """
    targets = as_targets("evaluate", y)
    check_loss("evaluate", loss)
    check_pairs("evaluate", x, targets)
    misuse.warn_of_ending(net, loss)
    loss = copy.copy(loss)  # which knows its last batch alone: a backward pass to come wants that of before
    total, shape, predicted = 0.0, (0, 0), []
    for rows, out in outputs(net, x, batch_size):
        if not rows.start:
            shape = len(x), out.shape[1]
            check_targets("evaluate", loss, targets, out)
        total += loss.forward(out, targets[rows]) / loss.factor(out.shape)
        predicted.append(classes(out))
    true, k = true_classes(targets, shape[1]), max(shape[1], 2)  # a single output tells two classes apart
    matrix = np.bincount(true * k + np.concatenate(predicted), minlength=k * k).reshape(k, k)
    hits = matrix.diagonal()
    with np.errstate(invalid="ignore"):
        per_class = hits / matrix.sum(axis=1)
    return Evaluation(total * loss.factor(shape), float(hits.sum() / len(x)), matrix, per_class)


def outputs(net: Chain, x: Array, batch_size: int) -> Iterator[tuple[slice, Array]]:
    """What the network makes of all samples, a batch at a time: which samples, outputs `(N, K)`.

    A fork of it computes: a backward pass to come is that of the forward pass before.

    Raises:
        InputError: on no sample, a batch size below 1, outputs of another shape.
    """
    batch_size, net = check_count("batch_size", batch_size), net.fork()
    if not isinstance(x, np.ndarray) or x.ndim == 0 or len(x) == 0:
        given = x.shape if isinstance(x, np.ndarray) else type(x).__name__
        raise InputError(f"{net.label}: expected an array of at least one sample, given {given}")
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        out = net.forward(x[rows])
        if out.ndim != 2:
            raise InputError(f"{net.label}: expected outputs of shape (N, K) to tell classes, given {out.shape}")
        yield rows, out
