"""Losses of logits (N, K) against class indices (N,): one number, the mean over the batch.

Each knows what the network's outputs mean under it: `probabilities` makes them numbers of 0..1.
"""

from __future__ import annotations

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


class CrossEntropy(nn.Module):
    """Mean of -sum_k q_k log softmax(logits)_k.

    Args:
        label_smoothing: the share e of the target spread over all K classes: q = (1 - e) one-hot + e / K
            (Szegedy et al. 2016, section 7).
    """

    def __init__(self, label_smoothing: float = 0.0):
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(logits, target, label_smoothing=self.label_smoothing)

    def probabilities(self, logits: Tensor) -> Tensor:
        return logits.softmax(dim=1)


class MeanSquaredError(nn.Module):
    """Mean over all N * K entries of (softmax(logits) - one-hot)².

    The mean over classes too is `torch.nn.MSELoss`'s convention. The quadratic cost of textbooks, 1/(2N) times the
    sum of all squares (Nielsen 2015, equation 6), is K/2 times this one, the multi-class Brier score K times.
    """

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(logits.softmax(dim=1), one_hot(target, logits))

    def probabilities(self, logits: Tensor) -> Tensor:
        return logits.softmax(dim=1)


class SquaredError(nn.Module):
    """Squared error between the outputs as they are, without softmax, and the one-hot target.

    Args:
        reduction: `mean` over all N * K entries; `batchmean`, summed over the K classes and averaged over the batch;
            `half` of that. A rule published for the sum over a batch of N takes `batchmean` with N times its rate.

    Raises:
        UserError: there is no reduction of that name.
    """

    def __init__(self, reduction: str = "mean"):
        super().__init__()
        if reduction not in REDUCTIONS:
            raise UserError(f"loss.reduction={reduction}: accepted: {', '.join(REDUCTIONS)}")
        self.reduction = reduction

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        mean = F.mse_loss(outputs, one_hot(target, outputs))
        return {"mean": 1.0, "batchmean": outputs.shape[1], "half": outputs.shape[1] / 2}[self.reduction] * mean

    def probabilities(self, outputs: Tensor) -> Tensor:
        """The outputs, which estimate the probabilities themselves; clipped at 0 and made to add up to 1."""
        return F.normalize(outputs.clamp(min=1e-9), p=1, dim=1)  # if none is above 0 they are all alike


class BinaryCrossEntropy(nn.Module):
    """Mean over all N * K entries of the binary cross-entropy of sigmoid(logits) against the one-hot target."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, one_hot(target, logits))

    def probabilities(self, logits: Tensor) -> Tensor:
        """Of each class by itself: they need not add up to 1."""
        return logits.sigmoid()
