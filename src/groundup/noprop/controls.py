"""What a comparison with NoProp has to beat: its blocks, one or several, each a classifier of its own."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from groundup.noprop.block import Block
from groundup.noprop.discrete import normal


class SingleBlock(nn.Module):
    """One block that is given noise, as the first one of NoProp is: (N, C, H, W) to (N, K)."""

    draws_at_inference = True

    def __init__(self, in_channels: int, image_size: tuple[int, int], num_classes: int):
        super().__init__()
        self.num_classes = num_classes
        self.block = Block(in_channels, image_size, num_classes, num_classes)

    def forward(self, images: Tensor, generator: Generator | None = None) -> Tensor:
        return self.block(images, normal((len(images), self.num_classes), images, generator))


class Blocks(nn.Module):
    """T blocks, of which `all_logits` gives every one's own: (N, C, H, W) to T times (N, K).

    Args:
        blocks: T.
    """

    draws_at_inference = True

    def __init__(self, in_channels: int, image_size: tuple[int, int], num_classes: int, blocks: int = 10):
        super().__init__()
        self.num_classes = num_classes
        self.blocks = nn.ModuleList(Block(in_channels, image_size, num_classes, num_classes) for _ in range(blocks))

    def all_logits(self, images: Tensor, generator: Generator | None = None) -> list[Tensor]:
        raise NotImplementedError


class LocalChain(Blocks):
    """Each block is given the probabilities that the one before it came to, the first one noise; the last one decides.

    No gradient passes from one block to another.
    """

    def all_logits(self, images: Tensor, generator: Generator | None = None) -> list[Tensor]:
        z = normal((len(images), self.num_classes), images, generator)
        logits: list[Tensor] = []
        for block in self.blocks:
            logits.append(block(images, z))
            z = logits[-1].detach().softmax(dim=1)
        return logits

    def forward(self, images: Tensor, generator: Generator | None = None) -> Tensor:
        return self.all_logits(images, generator)[-1]


class Ensemble(Blocks):
    """Blocks that know nothing of one another, each given noise; the mean of their probabilities decides."""

    def all_logits(self, images: Tensor, generator: Generator | None = None) -> list[Tensor]:
        return [block(images, normal((len(images), self.num_classes), images, generator)) for block in self.blocks]

    def forward(self, images: Tensor, generator: Generator | None = None) -> Tensor:
        """Logarithms of the mean probabilities."""
        each = torch.stack(self.all_logits(images, generator)).log_softmax(dim=2)
        return each.logsumexp(dim=0) - math.log(len(each))
