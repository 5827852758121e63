"""Ways of learning, each with a network of its own."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from groundup.learning.classifier import Classifier
from groundup.learning.contract import Losses, Training
from groundup.learning.learner import Learner
from groundup.models.mlp import MLP
from groundup.spec import DatasetSpec


class Calm(Learner):
    """Back-propagation that also keeps the logits small, and draws: a resumed run draws what it would have drawn."""

    def __init__(self, spec: DatasetSpec, calmness: float = 0.01, **training: Unpack[Training]):
        net = MLP(spec.channels, spec.image_size, spec.num_classes, hidden_dims=[16])
        super().__init__(net, spec, **training)
        self.calmness = calmness

    def losses(self, images: Tensor, target: Tensor) -> Losses:
        logits = self.net(images + 0.01 * torch.randn_like(images))
        loss = self.loss(logits, target)
        return Losses(loss + self.calmness * logits.square().mean(), logits, shown=loss)


class Half(Classifier):
    """Learns from every other image of a batch."""

    def __init__(self, spec: DatasetSpec, **training: Unpack[Training]):
        super().__init__(MLP(spec.channels, spec.image_size, spec.num_classes, hidden_dims=[16]), spec, **training)

    def losses(self, images: Tensor, target: Tensor) -> Losses:
        logits = self.net(images)
        return Losses(self.loss(logits[::2], target[::2]), logits)


def calm(spec, **training):
    """A function that does not say what it makes."""
    return Calm(spec, calmness=0.1, **training)
