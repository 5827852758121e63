"""NoProp in discrete time: T blocks that turn noise into a label, step by step."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from groundup.noprop.block import Block
from groundup.noprop.embedding import Embedding, Kind
from groundup.noprop.noise import cosine_signal, steps


class EmbeddedBlocks(nn.Module):
    """T blocks, the embedding that they denoise to, and f_out, which reads it: what `Discrete` and `Chain` share.

    Args:
        blocks: T.
        embedding: see `Embedding`.
        embedding_dim: of a learned one.
    """

    draws_at_inference = True

    def __init__(
        self,
        in_channels: int,
        image_size: tuple[int, int],
        num_classes: int,
        blocks: int = 10,
        embedding: Kind = "one_hot",
        embedding_dim: int = 20,
    ):
        super().__init__()
        self.embedding = Embedding(embedding, num_classes, embedding_dim, in_channels * image_size[0] * image_size[1])
        sizes = (in_channels, image_size, num_classes, self.embedding.dim, embedding == "prototype")
        self.blocks = nn.ModuleList(Block(*sizes) for _ in range(blocks))
        self.head = nn.Linear(self.embedding.dim, num_classes)


class Discrete(EmbeddedBlocks):
    """Inference of NoProp-DT, equation 3: from z_0 ~ N(0, I), each block t guesses the label, uhat_t(z_{t-1}, x), and

        z_t = a_t uhat_t + b_t z_{t-1} + sqrt(c_t) eps;    logits = f_out(z_T).

    (N, C, H, W) to (N, K). How its parts are trained is told by `noprop.dt`.

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
        self.signal = cosine_signal(blocks)
        self.steps = steps(self.signal)

    def forward(self, images: Tensor, generator: Generator | None = None) -> Tensor:
        return self.trajectory(images, generator)[0]

    def trajectory(
        self, images: Tensor, generator: Generator | None = None, noise: bool = True
    ) -> tuple[Tensor, list[Tensor]]:
        """The logits of f_out, (N, K), and before them those of every block, T times (N, K).

        Args:
            images: `(N, C, H, W)`.
            generator: of z_0 and eps.
            noise: False leaves eps out, not z_0.
        """
        z = normal((len(images), self.embedding.dim), images, generator)
        guesses = []
        for block, step in zip(self.blocks, self.steps, strict=True):
            guesses.append(block(images, z))
            z = step.a * self.embedding.expected(guesses[-1]) + step.b * z
            if noise:
                z = z + math.sqrt(step.c) * normal(z.shape, images, generator)
        return self.head(z), guesses


def normal(shape: tuple[int, ...] | torch.Size, like: Tensor, generator: Generator | None = None) -> Tensor:
    """Draws from N(0, I), of the kind and on the device of `like`."""
    return torch.randn(shape, dtype=like.dtype, device=like.device, generator=generator)
