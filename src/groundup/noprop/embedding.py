"""What a class is to be denoised to: a vector of each class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["one_hot", "learned", "prototype"]


class Embedding(nn.Module):
    """W_Embed: class numbers (N,) to vectors (N, d), and probabilities (N, K) to the vectors that they expect.

    Args:
        kind: `one_hot`, fixed, d = K; `learned`, of `dim` numbers, orthogonal at first where K <= d; `prototype`,
            learned, of as many numbers as an image, an image of each class at first: see `set_prototypes`.
        num_classes: K.
        dim: d of `learned`.
        pixels: C * H * W.
    """

    def __init__(self, kind: Kind, num_classes: int, dim: int, pixels: int):
        super().__init__()
        self.kind = kind
        if kind == "one_hot":
            self.register_buffer("weight", torch.eye(num_classes))
            return
        weight = torch.empty(num_classes, dim if kind == "learned" else pixels)
        fits = num_classes <= weight.shape[1]
        self.weight = nn.Parameter(nn.init.orthogonal_(weight) if fits else nn.init.normal_(weight))

    @property
    def dim(self) -> int:
        return self.weight.shape[1]

    def forward(self, target: Tensor) -> Tensor:
        return self.weight[target]

    def expected(self, logits: Tensor) -> Tensor:
        """softmax(logits) W_Embed, (N, K) to (N, d)."""
        return logits.softmax(dim=1) @ self.weight

    @torch.no_grad()
    def set_prototypes(self, images_of: Callable[[int], Tensor]) -> None:
        """Begins with the training image of each class that has the smallest median distance to the others of it.

        Args:
            images_of: from a class number to its normalised training images, (N, C, H, W).
        """
        for label in range(len(self.weight)):
            images = images_of(label).flatten(1)
            self.weight[label] = images[_median_distances(images).argmin()]


def _median_distances(images: Tensor) -> Tensor:
    """Of each image (N, D) the median of its distances to the others, (N,); the lower one of an even number."""
    rank = len(images) // 2 + 1  # its distance to itself, 0, comes first
    return torch.cat([torch.cdist(part, images).kthvalue(rank, dim=1).values for part in images.split(1024)])
