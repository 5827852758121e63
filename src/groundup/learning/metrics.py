"""Metrics of the images that are evaluated, counted on the device until they are read."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundup.learning.answers import Answers

TOP = 5

Reduce = Callable[[Tensor], Tensor]  # a tensor to its sum over all processes


class ConfusionCounts:
    """How often each class was taken for each, counted on the device.

    Args:
        classes: K.
        device: of the batches.
    """

    def __init__(self, classes: int, device: torch.device):
        self._classes = classes
        self._counts = torch.zeros(classes * classes, dtype=torch.int64, device=device)

    def update(self, target: Tensor, logits: Tensor) -> None:
        """Takes in a batch: true classes `(N,)`, logits `(N, K)`."""
        cells = target.long() * self._classes + logits.argmax(dim=1)
        self._counts.scatter_add_(0, cells, torch.ones_like(cells))  # bincount would wait for the device

    def read(self, reduce: Reduce) -> NDArray[np.int64]:
        """`(K, K)`, true classes down, predicted ones across, over all processes."""
        return reduce(self._counts).view(self._classes, self._classes).cpu().numpy()


@dataclass(frozen=True)
class Evaluated:
    """An evaluation. Its shares are quotients of whole numbers: 11 of 1,000 images are 0.011 to the last digit.

    Attributes:
        loss: mean over the images.
        confusion: `(K, K)` counts, true classes down, predicted ones across.
        top: images whose class is among the five likeliest.
        broken: images whose logits are no numbers, so that they are of no class; there is no accuracy then.
        tta: images that are right by a mean over several views of each; None where there was one view.
    """

    loss: float
    confusion: NDArray[np.int64]
    top: int
    tta: int | None = None
    broken: int = 0

    @property
    def metrics(self) -> dict[str, float]:
        """`acc`, `f1`, `top5` and `loss`, and `acc_tta` where there were several views."""
        found = {
            "acc": share(int(self.confusion.trace()), self.images),
            "f1": macro_f1(self.confusion),
            "top5": share(self.top, self.images),
            "loss": self.loss,
        }
        if self.broken:
            found |= dict.fromkeys(("acc", "f1", "top5"), math.nan)
        return found if self.tta is None else found | {"acc_tta": share(self.tta, self.images)}

    @property
    def per_class(self) -> list[float]:
        """Accuracy of each class, NaN where it had no images."""
        return [math.nan] * len(self.confusion) if self.broken else recalls(self.confusion)

    @property
    def images(self) -> int:
        return int(self.confusion.sum())


def recalls(confusion: NDArray[np.int64]) -> list[float]:
    """The share of each class's images that is right, of counts `(K, K)`; NaN for a class without images."""
    return [share(row[true], sum(row)) for true, row in enumerate(confusion.tolist())]


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """The mean of 2 right / (true + predicted), of counts `(K, K)`, over the classes that occur among either."""
    right, occurs = confusion.diagonal(), confusion.sum(axis=0) + confusion.sum(axis=1)
    there = occurs > 0
    return float(np.mean(2 * right[there] / occurs[there])) if there.any() else math.nan


def hits(logits: Tensor, target: Tensor) -> Tensor:
    """How many of a batch are right, a scalar on its device: logits `(N, K)`, true classes `(N,)`."""
    return (logits.argmax(dim=1) == target).sum()


def share(part: float, whole: int) -> float:
    """Their quotient; NaN of nothing."""
    return part / whole if whole else math.nan


class EvaluationMeter:
    """Loss and counts over one evaluation, without synchronising with the device.

    Args:
        classes: K.
        device: of the batches.

    Attributes:
        answers: of the images.
    """

    def __init__(self, classes: int, device: torch.device):
        self._confusion = ConfusionCounts(classes, device)
        self._k = min(TOP, classes)
        self._top = torch.zeros((), dtype=torch.int64, device=device)
        self._broken = torch.zeros((), dtype=torch.int64, device=device)
        precise = torch.float32 if device.type == "mps" else torch.float64  # which MPS has not
        self._loss = torch.zeros((), dtype=precise, device=device)
        self._tta: Tensor | None = None
        self.answers = Answers()

    def update(self, loss: Tensor, logits: Tensor, target: Tensor) -> None:
        """Takes in a batch: its mean loss, a scalar, its logits `(N, K)` and true classes `(N,)`."""
        self._loss += loss.to(self._loss.dtype) * len(target)
        self._confusion.update(target, logits)
        self._broken += logits.isnan().any(dim=1).sum()
        self._top += (logits.topk(self._k, dim=1).indices == target[:, None]).sum()
        self.answers.update(logits, target)

    def update_tta(self, logits: Tensor, target: Tensor) -> None:
        """Takes in means over several views of a batch's images, `(N, K)`, too."""
        right = hits(logits, target)
        self._tta = right if self._tta is None else self._tta + right

    def read(self, reduce: Reduce) -> Evaluated:
        """What came of all batches, over all processes."""
        confusion = self._confusion.read(reduce)
        images = int(confusion.sum())
        loss, top = share(float(reduce(self._loss)), images), int(reduce(self._top))
        tta = None if self._tta is None else int(reduce(self._tta))
        return Evaluated(loss, confusion, top, tta, int(reduce(self._broken)))
