"""The blocks of NoProp as one deep network, to be trained by back-propagation."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from groundup.noprop.discrete import EmbeddedBlocks, normal
from groundup.noprop.embedding import Kind


class Chain(EmbeddedBlocks):
    """z_0 ~ N(0, I), z_t = (1 - alpha_t) z_{t-1} + alpha_t uhat_t(z_{t-1}, x), logits f_out(z_T): equations 17 to 19.

    (N, C, H, W) to (N, K). alpha_t = tanh(w_t) is learned. The paper does not say where it begins, nor f_out: here at
    0.5, and with W_Embed for weights. Random ones read the vectors of several classes as the same class, and blocks
    that have settled on such a vector stay: their softmax has no slope any more.

    Args: as `EmbeddedBlocks`.
    """

    def __init__(
        self,
        in_channels: int,
        image_size: tuple[int, int],
        num_classes: int,
        blocks: int = 10,
        embedding: Kind = "one_hot",
        embedding_dim: int = 20,
    ):
        super().__init__(in_channels, image_size, num_classes, blocks, embedding, embedding_dim)
        self.mixing = nn.Parameter(torch.full((len(self.blocks),), math.atanh(0.5)))
        with torch.no_grad():
            self.head.weight.copy_(self.embedding.weight)

    def forward(self, images: Tensor, generator: Generator | None = None) -> Tensor:
        z = normal((len(images), self.embedding.dim), images, generator)
        for block, alpha in zip(self.blocks, self.mixing.tanh(), strict=True):
            z = (1 - alpha) * z + alpha * self.embedding.expected(block(images, z))
        return self.head(z)
