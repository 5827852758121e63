"""What `fit`, `evaluate` and `trace` are given, looked at before anything is computed. Messages name who asked."""

from __future__ import annotations

import numpy as np

from groundup.numpy_nets.layer import PLAIN, Array, InputError, Layer
from groundup.numpy_nets.losses import Loss
from groundup.numpy_nets.optimizers import Optimizer
from groundup.numpy_nets.targets import check_labels


def check_pairs(name: str, x: Array, targets: Array) -> None:
    """Refuses another number of targets than of samples."""
    if type(x) not in PLAIN or x.ndim == 0:
        raise InputError(f"{name}: expected x to be an array of samples, given {type(x).__name__}")
    if x.dtype.kind not in "fiub":
        raise InputError(f"{name}: expected x to hold real numbers, given {x.dtype}")
    if targets.ndim == 0 or len(targets) != len(x):
        raise InputError(f"{name}: expected {len(x)} targets, one for each sample, given shape {targets.shape}")


def check_targets(name: str, loss: Loss, targets: Array, out: Array) -> None:
    """Refuses what is no target of such outputs, of the whole set at once, not of a batch far into it."""
    k = out.shape[1]
    if targets.ndim == 1 and targets.dtype.kind == "i" and k > 1:
        check_labels(targets, k, name)
    else:
        loss.entries(targets, np.broadcast_to(out[:1], (len(targets), k)))


def check_loss(name: str, loss: Loss) -> None:
    """Refuses what is no loss, such as its name."""
    if not isinstance(loss, Loss):
        raise InputError(f"{name}: expected a loss such as SoftmaxCrossEntropy(), given {loss!r}")


def check_count(name: str, value: int) -> int:
    """The count as one of Python's integers; refuses what is no whole number from 1 on."""
    if not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{name} is a whole number from 1 on, given {value!r}")
    return int(value)


def check_optimizer(name: str, net: Layer, optimizer: Optimizer) -> None:
    """Refuses an optimizer of another network; one of a part of this network is welcome."""
    if not isinstance(optimizer, Optimizer):
        raise InputError(f"{name}: expected an optimizer such as SGD(net, lr=0.1), given {optimizer!r}")
    mine = {id(weight) for weight in net.params.values()}
    if strange := [name for name, weight in optimizer.net.params.items() if id(weight) not in mine]:
        raise InputError(f"{name}: expected an optimizer of this network, given one that moves another '{strange[0]}'")
