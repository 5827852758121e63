"""Weights of classes in a loss, from the images that are trained on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from groundup.errors import UserError
from groundup.learning.losses import ImageLoss


def weigh(loss: ImageLoss, counts: Tensor) -> None:
    """Tells a loss the weights that its `class_weights` ask for.

    They are scaled so that the mean weight of a training image is 1, and the loss of a batch stays a mean over its
    images. So it is right also where a batch is shared by processes or gradients are accumulated. Over all training
    images it is the loss of `torch.nn.CrossEntropyLoss(weight)`; of a batch that one divides by the sum of the weights
    that happen to be in it, so that a batch of common images alone counts as much as one of rare ones.

    Args:
        loss: with `class_weights`.
        counts: `(K,)`, training images of each class.

    Raises:
        UserError: they are not as many as there are classes, or leave nothing to learn from.
    """
    asked = loss.class_weights
    assert asked is not None, "a loss without weights is as it is"
    weights = balanced(counts) if isinstance(asked, str) else _given(asked, counts)
    loss.weights = weights.to(torch.float32)


def balanced(counts: Tensor) -> Tensor:
    """n / (k n_c) for each class of n_c among n images, as scikit-learn's `balanced`; k counts classes with images."""
    there = counts > 0
    return torch.where(there, counts.sum() / (there.sum() * counts.clamp(min=1).double()), 0.0)


def _given(asked: Sequence[float], counts: Tensor) -> Tensor:
    weights = torch.tensor(asked, dtype=torch.float64)
    if len(weights) != len(counts):
        raise UserError(f"loss.class_weights: {len(weights)} numbers for {len(counts)} classes; accepted: one for each")
    total = float((weights * counts).sum())
    if total == 0:
        raise UserError("loss.class_weights: no class that has training images has a weight above 0")
    return weights * (counts.sum() / total)
