"""The published data sets as tensors: images `(N, C, H, W)` of uint8 and labels `(N,)` of int64."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from groundup.data.specs import published
from groundup.spec import DatasetSpec

_RESIZED_AT_ONCE = 1000  # images


class Images(NamedTuple):
    pixels: Tensor
    labels: Tensor


def read(
    spec: DatasetSpec, root: str | os.PathLike[str], split: str, labels: str = "fine", limit: int | None = None
) -> Images | None:
    """Reads a split of a published data set whose files are there, resized to the spec's size where that differs.

    Args:
        spec: of the data set.
        root: the folder of torchvision's layout.
        split: `train`, `val` or `test`; None is returned for `val`, which none has.
        labels: `fine` or `coarse`, where there are both.
        limit: only the first so many images.
    """
    if split == "val":
        return None
    pixels, targets = map(torch.from_numpy, published(spec.name, labels).read(Path(root), split))
    return Images(_resize(pixels[:limit], spec.image_size), targets[:limit])


def _resize(pixels: Tensor, image_size: tuple[int, int]) -> Tensor:
    if pixels.shape[2:] == image_size:
        return pixels
    parts = [
        interpolate(part.float(), image_size, mode="bilinear", antialias=True).round_().clamp_(0, 255).to(torch.uint8)
        for part in pixels.split(_RESIZED_AT_ONCE)
    ]
    return torch.cat(parts)
