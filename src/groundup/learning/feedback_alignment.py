"""Direct feedback alignment (Nokland 2016, arXiv 1609.01596): fixed random weights bring the error to each layer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Unpack

import torch
from torch import Tensor, nn

from groundup.learning.contract import Losses, Training
from groundup.learning.learner import Learner
from groundup.models.activations import activation_class
from groundup.spec import DatasetSpec


class FeedbackNet(nn.Module):
    """A multi-layer perceptron, (N, C, H, W) to logits (N, K), with a fixed random matrix (K, units) for each layer.

    Args:
        hidden_dims: units of each layer.
        activation: a name from `groundup.models.activations`.
        dropout: probability of zeroing a hidden unit while training.
    """

    def __init__(self, pixels: int, num_classes: int, hidden_dims: Sequence[int], activation: str, dropout: float):
        super().__init__()
        act = activation_class(activation)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(*dims), act(), nn.Dropout(dropout)) for dims in pairwise([pixels, *hidden_dims])
        )
        self.head = nn.Linear([pixels, *hidden_dims][-1], num_classes)
        for number, units in enumerate(hidden_dims):
            self.register_buffer(f"feedback{number}", torch.empty(num_classes, units).uniform_(-1, 1) / units**0.5)

    def forward(self, images: Tensor) -> Tensor:
        return self.apart(images)[1]

    def apart(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """What each layer makes of the one below, and the logits; no gradient goes from layer to layer."""
        x = images.flatten(1)
        outputs = []
        for layer in self.layers:
            outputs.append(layer(x))
            x = outputs[-1].detach()
        return outputs, self.head(x)


class FeedbackAlignment(Learner):
    """The gradient of the loss with respect to the logits, e, is sent to each layer h_l as e B_l, not back through it.

    The sum of <h_l, e B_l> has just these gradients, so that it is what is differentiated. The last layer gets its own.

    Args:
        spec, training: see `Learner`.
        hidden_dims, activation, dropout: see `FeedbackNet`.
    """

    net: FeedbackNet

    def __init__(
        self,
        spec: DatasetSpec,
        *,
        hidden_dims: Sequence[int],
        activation: str = "tanh",
        dropout: float = 0.0,
        **training: Unpack[Training],
    ):
        pixels = spec.channels * spec.image_size[0] * spec.image_size[1]
        super().__init__(FeedbackNet(pixels, spec.num_classes, hidden_dims, activation, dropout), spec, **training)

    def losses(self, images: Tensor, target: Tensor) -> Losses:
        outputs, logits = self.net.apart(images)
        loss = self.loss(logits, target)
        return Losses(loss + self.feedback(outputs, logits, target), logits, shown=loss)

    def feedback(self, outputs: Sequence[Tensor], logits: Tensor, target: Tensor) -> Tensor:
        """The sum of <h_l, e B_l> over layers, whose gradient with respect to h_l is e B_l."""
        seen = logits.detach().requires_grad_()
        [error] = torch.autograd.grad(self.loss(seen, target), seen)
        sent = (error @ self.net.get_buffer(f"feedback{number}") for number in range(len(outputs)))
        products = [(output * signal).sum() for output, signal in zip(outputs, sent, strict=True)]
        return torch.stack(products).sum()
