"""Multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from groundup.models.activations import activation_class
from groundup.models.init import init_weights


class MLP(nn.Module):
    """Fully connected layers over the flattened image: (N, C, H, W) to logits (N, num_classes).

    Args:
        hidden_dims: units of each hidden layer; none at all makes a linear classifier.
        activation: a name from `groundup.models.activations`.
        batch_norm: normalise before each activation.
        dropout: probability of zeroing a hidden unit while training.
        init: a name from `groundup.models.init`.
    """

    def __init__(
        self,
        in_channels: int,
        image_size: tuple[int, int],
        num_classes: int,
        hidden_dims: Sequence[int] = (256, 128),
        activation: str = "relu",
        batch_norm: bool = False,
        dropout: float = 0.0,
        init: str = "kaiming",
    ):
        super().__init__()
        dims = [in_channels * image_size[0] * image_size[1], *hidden_dims]
        act = activation_class(activation)
        layers: list[nn.Module] = [nn.Flatten()]
        for fan_in, fan_out in pairwise(dims):
            # The normalisation subtracts the mean and adds a bias of its own
            layers.append(nn.Linear(fan_in, fan_out, bias=not batch_norm))
            if batch_norm:
                layers.append(nn.BatchNorm1d(fan_out))
            layers.append(act())
            if dropout:
                layers.append(nn.Dropout(dropout))
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(dims[-1], num_classes)
        init_weights(self, init)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))
