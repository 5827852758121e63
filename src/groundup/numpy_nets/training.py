"""The training loop: batches, gradients, steps."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from groundup.numpy_nets import misuse
from groundup.numpy_nets.arguments import check_count, check_loss, check_optimizer, check_pairs, check_targets
from groundup.numpy_nets.batch_norm import BatchNorm
from groundup.numpy_nets.chain import Chain
from groundup.numpy_nets.checks import check_finite, check_flag, generator
from groundup.numpy_nets.evaluation import evaluate, outputs
from groundup.numpy_nets.layer import Array, InputError
from groundup.numpy_nets.losses import Loss
from groundup.numpy_nets.optimizers import Optimizer
from groundup.numpy_nets.progress import Progress
from groundup.numpy_nets.targets import as_targets, classes, true_classes

Batches = Iterator[tuple[Array, Array]]  # x and targets


def fit(
    net: Chain,
    x: Array,
    y: ArrayLike,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int = 1,
    batch_size: int = 32,
    shuffle: bool = True,
    rng: np.random.Generator | None = None,
    validation: tuple[Array, ArrayLike] | None = None,
    verbose: bool = True,
) -> dict[str, list[float]]:
    """Trains `net` on all samples `epochs` times, a batch at a time; the last batch of an epoch may be smaller.

    Ctrl-C between two steps leaves the network as the last step made it.

    Args:
        x: `(N, ...)`.
        y: targets as the loss takes them.
        shuffle: another order in every epoch.
        rng: where the order is drawn from; None is a fresh generator, different each time.
        validation: x and y of samples to evaluate after every epoch.
        verbose: draws a progress bar, on stderr.

    Returns:
        One number an epoch of `loss` and `accuracy` (over the epoch's samples, each as its step found it), `val_loss`
        and `val_accuracy` (with `validation` alone) and `seconds`.

    Raises:
        InputError: on what does not fit together, labels that are no class, NaN in x, a last batch of a single sample
            where batch norm needs more.
        FloatingPointError: when the loss is no longer finite: epoch, batch, and the first layer that gave such numbers.
    """
    targets = as_targets("fit", y)
    epochs, batch_size = check_count("epochs", epochs), check_count("batch_size", batch_size)
    check_flag("fit", shuffle=shuffle, verbose=verbose)
    check_loss("fit", loss)
    check_optimizer("fit", net, optimizer)
    _check_data("fit", net, loss, x, targets)
    _check_last_batch(net, x, batch_size)
    if validation is not None:
        _check_validation(net, loss, validation)
    misuse.warn_of_ending(net, loss)
    misuse.warn_of_pixels(net, x)
    rng = generator("fit", rng)
    history: dict[str, list[float]] = {}
    # Overflow is looked for after each step, and told with its place: no need for NumPy's own warnings.
    with np.errstate(over="ignore", invalid="ignore"), Progress(epochs, len(x), verbose) as progress:
        for epoch in range(1, epochs + 1):
            start = time.perf_counter()
            order = rng.permutation(len(x)) if shuffle else None
            figures = _train_epoch(net, _batches(x, targets, order, batch_size), loss, optimizer, epoch, progress)
            if validation is not None:
                found = evaluate(net, *validation, loss)
                figures |= {"val_loss": found.loss, "val_accuracy": found.accuracy}
            figures["seconds"] = time.perf_counter() - start
            progress.end_epoch(epoch, figures)
            for name, value in figures.items():
                history.setdefault(name, []).append(value)
    return history


def _train_epoch(
    net: Chain, batches: Batches, loss: Loss, optimizer: Optimizer, epoch: int, progress: Progress
) -> dict[str, float]:
    """One step for every batch; loss and accuracy over all of them."""
    total, right, seen, mean = 0.0, 0, 0, 0.0
    for number, (x, y) in enumerate(batches, start=1):
        try:
            out, value = _step(net, x, y, loss, optimizer)
        except (InputError, FloatingPointError) as error:
            culprit = _first_not_finite(net, x)
            if culprit is None and isinstance(error, InputError):
                raise
            raise _diverged(f"epoch {epoch}, batch {number}", culprit, optimizer) from error
        n, k = out.shape
        total += value / loss.factor(out.shape)
        right += int(np.count_nonzero(classes(out) == true_classes(y, k)))
        seen += n
        mean = total * loss.factor((seen, k))
        progress.update(epoch, seen, mean)
    if culprit := _first_weight_not_finite(net):
        raise _diverged(f"epoch {epoch}, after its last batch", culprit, optimizer)
    return {"loss": mean, "accuracy": right / seen}


def _step(net: Chain, x: Array, y: Array, loss: Loss, optimizer: Optimizer) -> tuple[Array, float]:
    """Forward, backward, update: the outputs and the loss before the update."""
    out = net.forward(x, training=True)
    value = loss.forward(out, y)
    if not math.isfinite(value):
        raise FloatingPointError(f"the loss is {value}")
    net.backward(loss.backward())
    optimizer.step()
    return out, value


def _batches(x: Array, y: Array, order: Array | None, batch_size: int) -> Batches:
    """All samples, in this order or as they come, `batch_size` at a time."""
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        yield (x[rows], y[rows]) if order is None else (x[order[rows]], y[order[rows]])


def _first_not_finite(net: Chain, x: Array) -> str | None:
    """The first layer that makes NaN or infinity of x; None where none does."""
    for _, layer in net.leaves():
        x = layer.forward(x, training=True)
        if not np.isfinite(x).all():
            return f"{layer.label} was the first layer to give NaN or infinity"
    return None


def _first_weight_not_finite(net: Chain) -> str | None:
    for _, layer in net.leaves():
        for name, weight in layer.params.items():
            if not np.isfinite(weight).all():
                return f"{layer.label} was the first layer with NaN or infinity in its {name}"
    return None


def _diverged(where: str, culprit: str | None, optimizer: Optimizer) -> FloatingPointError:
    culprit = culprit or "every layer's numbers are finite, but too large for the loss"
    return FloatingPointError(
        f"{where}: the loss is no longer a finite number; {culprit}. "
        f"A smaller learning rate than {optimizer.lr:g} may help, or inputs of about the size of 1"
    )


def _check_data(name: str, net: Chain, loss: Loss, x: Array, targets: Array) -> None:
    """Refuses, before the first step, what would fail after many."""
    check_pairs(name, x, targets)
    check_finite(f"{name}, x", x)
    for _, out in outputs(net, x[:1], batch_size=1):
        check_targets(name, loss, targets, out)


def _check_validation(net: Chain, loss: Loss, validation: Any) -> None:
    name = "fit, validation"
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        shown = f"{len(validation)} of them" if isinstance(validation, tuple | list) else type(validation).__name__
        raise InputError(f"{name}: expected a pair (x, y), given {shown}")
    _check_data(name, net, loss, validation[0], as_targets(name, validation[1]))


def _check_last_batch(net: Chain, x: Array, batch_size: int) -> None:
    """Refuses a batch of one sample for batch norm that sees a single value of it in each channel."""
    if (len(x) % batch_size or min(len(x), batch_size)) > 1:
        return
    probe = net.fork()
    probe.forward(x[:1])
    for _, layer in probe.leaves():
        if isinstance(layer, BatchNorm) and math.prod(layer.output_shape or ()) == layer.num_features:
            raise InputError(
                f"fit: expected no batch of a single sample, which {layer.label} cannot train on, given {len(x)} "
                f"samples with batch_size={batch_size}; another batch_size, or one sample less, avoids it"
            )
