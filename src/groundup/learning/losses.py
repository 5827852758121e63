"""Losses of logits (N, K) against class indices (N,): one number, the mean over the batch.

Each knows what the network's outputs mean under it: `probabilities` makes them numbers of 0..1.

While training, images may be weighed by their classes. A loss that is evaluated is never weighed.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groundup.errors import UserError

REDUCTIONS = ("mean", "batchmean", "half")


def check_labels(target: Tensor) -> None:
    """Refuses what a data module may give in place of class indices, and what would be counted wrongly.

    Small integers overflow where classes are counted, 16 * 17 of uint8 being 16, and no loss here takes a column.

    Raises:
        UserError: anything but `(N,)` of int64.
    """
    if target.dtype != torch.int64 or target.ndim != 1:
        given = f"{str(target.dtype).removeprefix('torch.')} of shape {tuple(target.shape)}"
        raise UserError(f"labels of the data module: given {given}; accepted: class indices of int64, of shape (N,)")


def one_hot(target: Tensor, logits: Tensor) -> Tensor:
    """(N,) class indices to (N, K) zeros and ones of the kind of `logits`."""
    return F.one_hot(target, logits.shape[1]).to(logits.dtype)


class ImageLoss(nn.Module):
    """A loss that is a mean over images: a subclass gives `mean`, of a batch, and `each`, of its images one by one.

    Args:
        class_weights: `balanced`, a number for each class, or None for no weights. They are known to the loss once it
            was told the images of each class, see `class_weights.weigh`.
    """

    weights: Tensor | None

    def __init__(self, class_weights: str | Sequence[float] | None = None):
        super().__init__()
        self.class_weights = class_weights
        self.register_buffer("weights", None, persistent=False)  # they follow from the images of each run

    def mean(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch: logits `(N, K)` and class numbers `(N,)`."""
        raise NotImplementedError

    def each(self, logits: Tensor, target: Tensor) -> Tensor:
        """The losses `(N,)` whose mean is that of the batch."""
        raise NotImplementedError

    def weighed(self, logits: Tensor, target: Tensor) -> Tensor:
        """The losses `(N,)` of images, times the weights of their classes where these have some."""
        losses = self.each(logits, target)
        return losses if self.weights is None else losses * self.weights[target]

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.weights is None or not self.training:
            return self.mean(logits, target)
        return self.weighed(logits, target).mean()


class CrossEntropy(ImageLoss):
    """Mean of -sum_k q_k log softmax(logits)_k.

    Args:
        label_smoothing: the share e of the target spread over all K classes: q = (1 - e) one-hot + e / K
            (Szegedy et al. 2016, section 7).
        class_weights: see `ImageLoss`.
    """

    def __init__(self, label_smoothing: float = 0.0, class_weights: str | Sequence[float] | None = None):
        super().__init__(class_weights)
        self.label_smoothing = label_smoothing

    def mean(self, logits: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(logits, target, label_smoothing=self.label_smoothing)

    def each(self, logits: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(logits, target, label_smoothing=self.label_smoothing, reduction="none")

    def probabilities(self, logits: Tensor) -> Tensor:
        return logits.softmax(dim=1)


class MeanSquaredError(ImageLoss):
    """Mean over all N * K entries of (softmax(logits) - one-hot)².

    The mean over classes too is `torch.nn.MSELoss`'s convention. The quadratic cost of textbooks, 1/(2N) times the
    sum of all squares (Nielsen 2015, equation 6), is K/2 times this one, the multi-class Brier score K times.
    """

    def mean(self, logits: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(logits.softmax(dim=1), one_hot(target, logits))

    def each(self, logits: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(logits.softmax(dim=1), one_hot(target, logits), reduction="none").mean(dim=1)

    def probabilities(self, logits: Tensor) -> Tensor:
        return logits.softmax(dim=1)


class SquaredError(ImageLoss):
    """Squared error between the outputs as they are, without softmax, and the one-hot target.

    Args:
        reduction: `mean` over all N * K entries; `batchmean`, summed over the K classes and averaged over the batch;
            `half` of that. A rule published for the sum over a batch of N takes `batchmean` with N times its rate.
        class_weights: see `ImageLoss`.

    Raises:
        UserError: there is no reduction of that name.
    """

    def __init__(self, reduction: str = "mean", class_weights: str | Sequence[float] | None = None):
        super().__init__(class_weights)
        if reduction not in REDUCTIONS:
            raise UserError(f"loss.reduction={reduction}: accepted: {', '.join(REDUCTIONS)}")
        self.reduction = reduction

    def mean(self, outputs: Tensor, target: Tensor) -> Tensor:
        return self._factor(outputs) * F.mse_loss(outputs, one_hot(target, outputs))

    def each(self, outputs: Tensor, target: Tensor) -> Tensor:
        return self._factor(outputs) * F.mse_loss(outputs, one_hot(target, outputs), reduction="none").mean(dim=1)

    def _factor(self, outputs: Tensor) -> float:
        return {"mean": 1.0, "batchmean": outputs.shape[1], "half": outputs.shape[1] / 2}[self.reduction]

    def probabilities(self, outputs: Tensor) -> Tensor:
        """The outputs, which estimate the probabilities themselves; clipped at 0 and made to add up to 1."""
        return F.normalize(outputs.clamp(min=1e-9), p=1, dim=1)  # if none is above 0 they are all alike


class BinaryCrossEntropy(ImageLoss):
    """Mean over all N * K entries of the binary cross-entropy of sigmoid(logits) against the one-hot target."""

    def mean(self, logits: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, one_hot(target, logits))

    def each(self, logits: Tensor, target: Tensor) -> Tensor:
        both = F.binary_cross_entropy_with_logits(logits, one_hot(target, logits), reduction="none")
        return both.mean(dim=1)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Of each class by itself: they need not add up to 1."""
        return logits.sigmoid()
