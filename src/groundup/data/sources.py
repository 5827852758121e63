"""The published data sets as tensors: images `(N, C, H, W)` of uint8 and labels `(N,)` of int64."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from groundup.data.specs import published
from groundup.errors import UserError
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
    known = published(spec.name, labels)
    pixels, targets = map(torch.from_numpy, known.read(Path(root), split))
    _refuse_other_images(known.spec, split, pixels, targets)
    return Images(_resize(pixels[:limit], spec.image_size), targets[:limit])


def _refuse_other_images(spec: DatasetSpec, split: str, pixels: Tensor, labels: Tensor) -> None:
    """Normalisation and classes would be another data set's."""
    wanted = (len(labels), spec.channels, *spec.image_size)
    of_classes = not len(labels) or 0 <= int(labels.min()) <= int(labels.max()) < spec.num_classes
    if pixels.dtype != torch.uint8 or tuple(pixels.shape) != wanted or not of_classes:
        found = (
            f"{pixels.dtype} of shape {tuple(pixels.shape)} with labels to {int(labels.max()) if len(labels) else 0}"
        )
        raise UserError(
            f"data={spec.name}: its {split} files hold {found}; accepted, as its spec says: uint8 of shape {wanted}, "
            f"labels below {spec.num_classes}"
        )


def _resize(pixels: Tensor, image_size: tuple[int, int]) -> Tensor:
    if pixels.shape[2:] == image_size:
        return pixels
    parts = [
        interpolate(part.float(), image_size, mode="bilinear", antialias=True).round_().clamp_(0, 255).to(torch.uint8)
        for part in pixels.split(_RESIZED_AT_ONCE)
    ]
    return torch.cat(parts)
