"""The Forward-Forward algorithm (Hinton 2022, arXiv 2212.13345)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groundup.errors import UserError
from groundup.learning.contract import Losses, Training
from groundup.learning.learner import Learner
from groundup.spec import DatasetSpec


class ForwardForwardNet(nn.Module):
    """Layers that are each shown an image with a class written into it: (N, C, H, W) to scores (N, K).

    The first K numbers of the flattened image are replaced by the class, one-hot, in black and white. The goodness of
    a layer is the mean of its squared activities. What a layer is given is scaled to a mean square of 1, so that the
    goodness of the one below cannot pass. The score of a class is the sum of the goodness of all layers but the first,
    of the first where it is the only one.

    Args:
        hidden_dims: units of each layer, at least one.
        black: a pixel's value, normalised.
        white: likewise.
    """

    def __init__(self, pixels: int, num_classes: int, hidden_dims: Sequence[int], black: float, white: float):
        super().__init__()
        self.num_classes, self.black, self.white = num_classes, black, white
        self.layers = nn.ModuleList(nn.Linear(*dims) for dims in pairwise([pixels, *hidden_dims]))

    def goodness(self, images: Tensor, target: Tensor) -> Iterator[Tensor]:
        """Of each layer, (N,), for images shown with these classes (N,); no gradient goes from layer to layer."""
        x = images.flatten(1).clone()
        x[:, : self.num_classes] = self.black
        x[torch.arange(len(x), device=x.device), target] = self.white
        for layer in self.layers:
            x = F.relu(layer(_unit(x)))
            yield x.square().mean(dim=1)
            x = x.detach()

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([self._score(images, label) for label in range(self.num_classes)], dim=1)

    def _score(self, images: Tensor, label: int) -> Tensor:
        target = torch.full((len(images),), label, device=images.device)
        first, *others = self.goodness(images, target)
        return sum(others, start=torch.zeros_like(first)) if others else first


def _unit(x: Tensor) -> Tensor:
    """Rows of one length: mean square 1."""
    return x / (x.square().mean(dim=1, keepdim=True).sqrt() + 1e-8)


class ForwardForward(Learner):
    """Each layer learns to have a high goodness for images shown with their class, and a low one with a wrong class:

        softplus(theta - goodness of the right) + softplus(goodness of the wrong - theta)

    Args:
        spec, training: see `Learner`; the loss is that of evaluation alone.
        hidden_dims: units of each layer.
        threshold: theta.

    Raises:
        UserError: an image has fewer numbers than there are classes.
    """

    net: ForwardForwardNet

    def __init__(
        self, spec: DatasetSpec, *, hidden_dims: Sequence[int], threshold: float = 2.0, **training: Unpack[Training]
    ):
        pixels = spec.channels * spec.image_size[0] * spec.image_size[1]
        if pixels < spec.num_classes:
            raise UserError(
                f"model=forward_forward with data={spec.name}: the class is written into the image, and "
                f"{pixels} numbers have no room for {spec.num_classes} classes; accepted: a larger data.image_size"
            )
        if not spec.mean:
            raise UserError(
                f"model=forward_forward with data={spec.name}: it writes the class into the image in black and white, "
                "but the normalisation of these images is not known; accepted: data whose module has a spec"
            )
        black, white = (((value - spec.mean[0]) / spec.std[0]) for value in (0.0, 1.0))
        super().__init__(ForwardForwardNet(pixels, spec.num_classes, hidden_dims, black, white), spec, **training)
        self.threshold = threshold

    def losses(self, images: Tensor, target: Tensor) -> Losses:
        classes = self.spec.num_classes
        wrong = (target + torch.randint(1, classes, target.shape, device=target.device)) % classes
        pairs = zip(self.net.goodness(images, target), self.net.goodness(images, wrong), strict=True)
        each = [
            F.softplus(self.threshold - good).mean() + F.softplus(bad - self.threshold).mean() for good, bad in pairs
        ]
        total = torch.stack(each).sum()
        return Losses(total, shown=total / len(each))
