"""What a network answers to the images it is evaluated on, image by image, and how good its probabilities are."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundup.rundir.predictions import MOST_CLASSES, Predictions
from groundup.spec import DatasetSpec
from groundup.statistics.calibration import (
    balanced_accuracy,
    best_temperature,
    brier_score,
    expected_calibration_error,
    negative_log_likelihood,
    scaled,
)

log = logging.getLogger(__name__)

AT_ONCE = 2**22  # logits whose probabilities are computed
ON_DEVICE = 256 * 2**20  # bytes of logits; further ones are kept in main memory
OF_ANSWERS = ("nll", "brier", "ece", "balanced_acc")

Gather = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # of this process to those of all, in the order of the split
ToProbabilities = Callable[[Tensor], Tensor]


class Answers:
    """Logits and true classes of the images of an evaluation. Nothing waits for the device until they are read."""

    def __init__(self) -> None:
        self._logits: list[Tensor] = []
        self._target: list[Tensor] = []
        self._bytes = 0

    def __len__(self) -> int:
        return sum(map(len, self._target))

    def update(self, logits: Tensor, target: Tensor) -> None:
        """Takes in a batch: logits `(n, K)`, true classes `(n,)`."""
        self._bytes += logits.nbytes
        logits = logits.detach()
        self._logits.append(logits.clone() if self._bytes <= ON_DEVICE else logits.cpu())
        self._target.append(target)

    @torch.inference_mode()
    def read(self, to_probabilities: ToProbabilities, gather: Gather | None = None) -> Answered | None:
        """All of them; None where there were no images.

        Args:
            to_probabilities: of logits `(N, K)`.
            gather: of the answers of several processes.
        """
        if not len(self):
            return None
        device = self._logits[-1].device  # main memory, if any is there
        logits, target = (torch.cat([each.to(device) for each in parts]) for parts in (self._logits, self._target))
        if gather is not None:
            logits, target = gather(logits, target)
        return Answered.of(logits, target, to_probabilities)


@dataclass(frozen=True, eq=False)
class Answered:
    """Answers in the order of their images.

    Attributes:
        true: `(N,)`, classes.
        predicted: `(N,)`, likewise, those with the largest logits.
        logs: `(N, K)`, log-probabilities of double precision, NaN for an image of which the network gave no numbers;
            None where the loss does not say what the outputs mean.
    """

    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    logs: NDArray[np.float64] | None

    @classmethod
    def of(cls, logits: Tensor, target: Tensor, to_probabilities: ToProbabilities) -> Answered:
        """Of logits `(N, K)` and true classes `(N,)`."""
        logs = log_probabilities(logits, to_probabilities)
        return cls(target.cpu().numpy(), logits.argmax(dim=1).cpu().numpy(), logs)

    @property
    def right(self) -> NDArray[np.bool_]:
        """`(N,)`."""
        right: NDArray[np.bool_] = self.true == self.predicted
        return right

    @property
    def figures(self) -> dict[str, float]:
        """What `OF_ANSWERS` names, as far as it is known; NaN where the network gave no numbers for some images."""
        if self.logs is None:
            return {"balanced_acc": balanced_accuracy(self.true, self.right)}
        broken = bool(np.isnan(self.logs).any())
        balanced = math.nan if broken else balanced_accuracy(self.true, self.right)
        return self._scores(self.logs) | {"balanced_acc": balanced}

    def scaled(self, temperature: float) -> dict[str, float]:
        """`nll_scaled` and so on: of probabilities whose logits are divided by a temperature."""
        scores = {} if self.logs is None else self._scores(scaled(self.logs, temperature))
        return {f"{name}_scaled": value for name, value in scores.items()}

    def _scores(self, logs: NDArray[np.float64]) -> dict[str, float]:
        confidence = np.exp(logs[np.arange(len(self.true)), self.predicted])
        return {
            "nll": negative_log_likelihood(logs, self.true),
            "brier": brier_score(logs, self.true),
            "ece": expected_calibration_error(confidence, self.right),
        }

    @property
    def temperature(self) -> float | None:
        """That these answers choose, see `best_temperature`."""
        return None if self.logs is None else best_temperature(self.logs, self.true)

    def as_predictions(self, spec: DatasetSpec, split: str) -> Predictions:
        """What a run keeps of them."""
        about = (spec.name, split, spec.class_names, self.true, self.predicted)
        if self.logs is None:
            return Predictions(*about)
        images = np.arange(len(self.true))
        doubt = np.clip(-np.expm1(self.logs[images, self.predicted]), 0, 1)
        if self.logs.shape[1] > MOST_CLASSES:
            return Predictions(*about, doubt=doubt, likelihood=np.exp(self.logs[images, self.true]))
        return Predictions(*about, np.exp(self.logs), doubt)


def log_probabilities(logits: Tensor, to_probabilities: ToProbabilities) -> NDArray[np.float64] | None:
    """Log-probabilities `(N, K)` of double precision, of logits and of what they mean.

    Numbers of each class by itself, as of a sigmoid, are divided by their sum. Infinite logits are taken for the
    largest numbers of single precision. So many images are worked on at a time that copies need little memory.
    """
    rows = max(1, AT_ONCE // max(1, logits.shape[1]))
    found: list[NDArray[np.float64]] = []
    for part in logits.split(rows):
        if (logs := _log_probabilities(part, to_probabilities)) is None:
            return None
        found.append(logs)
    return np.concatenate(found)


def _log_probabilities(logits: Tensor, to_probabilities: ToProbabilities) -> NDArray[np.float64] | None:
    largest = torch.finfo(torch.float32).max
    logits = logits.clamp(-largest, largest)
    try:
        given = to_probabilities(logits.clone()).cpu().double()
    except Exception as error:  # of any kind: a loss may be somebody else's
        log.warning(f"loss: no probabilities can be had of it: {type(error).__name__}: {' '.join(str(error).split())}")
        return None
    logits = logits.cpu().double()
    known = ~logits.isnan().any(dim=1)
    if given.shape != logits.shape or not bool((given[known] >= 0).all() and given[known].isfinite().all()):
        log.warning("loss: what its `probabilities` gives are none: no calibration, and classes alone are kept")
        return None
    sums = given.sum(dim=1, keepdim=True)
    given = torch.where(sums == 0, 1 / given.shape[1], given / sums)
    softmax = logits.log_softmax(dim=1)  # of more digits, where that is what is meant
    if torch.allclose(softmax.exp(), given, rtol=0, atol=1e-6, equal_nan=True):
        return softmax.numpy()
    given[~known] = math.nan
    return given.log().numpy()
