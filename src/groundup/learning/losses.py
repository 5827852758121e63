"""Losses of logits (N, K) against class indices (N,): one number, the mean over the batch."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


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


class MeanSquaredError(nn.Module):
    """Mean over all N * K entries of (softmax(logits) - one-hot)².

    The mean over classes too is `torch.nn.MSELoss`'s convention. The quadratic cost of textbooks, 1/(2N) times the
    sum of all squares (Nielsen 2015, equation 6), is K/2 times this one, the multi-class Brier score K times.
    """

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(logits.softmax(dim=1), one_hot(target, logits))


class BinaryCrossEntropy(nn.Module):
    """Mean over all N * K entries of the binary cross-entropy of sigmoid(logits) against the one-hot target."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, one_hot(target, logits))
