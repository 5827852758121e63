"""Small images first: training costs less while the network learns what can be seen in them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import interpolate


def size_at(sizes: Sequence[tuple[float, int]], step: int, total_steps: int) -> int:
    """The size of images at a training step, in pixels a side.

    Args:
        sizes: `(share of the training, pixels)` by rising share, the first 0.
        step: counted from 0.
        total_steps: of the whole training.
    """
    return [int(pixels) for share, pixels in sizes if share * total_steps <= step][-1]


def resize(images: Tensor, pixels: int) -> Tensor:
    """Images (N, C, H, W) of `pixels` a side, each pixel a weighted mean of those that it covers."""
    if images.shape[2:] == (pixels, pixels):
        return images
    return interpolate(images, size=(pixels, pixels), mode="bilinear", antialias=True, align_corners=False)
