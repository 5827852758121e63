"""Images of a run's data, to be looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundup.data.module import ImageData
from groundup.data.sources import Images
from groundup.spec import DatasetSpec


def pixels_of(images: Tensor, spec: DatasetSpec) -> NDArray[np.uint8]:
    """Normalised images `(N, C, H, W)` as pixels of 0..255 again; of least to largest if nobody knows how."""
    if not spec.mean:
        least, largest = images.cpu().aminmax()
        scaled = (images.cpu() - least) / (largest - least).clamp(min=torch.finfo(images.dtype).tiny)
        return (scaled * 255).round().to(torch.uint8).numpy()
    mean, std = (torch.tensor(values)[:, None, None] for values in (spec.mean, spec.std))
    return ((images.cpu() * std + mean) * 255).round().clamp(0, 255).to(torch.uint8).numpy()


def first_images(data: Any, split: str, count: int) -> Images | None:
    """The first images of a split as they are; None where a run holds none: jobs trained at once share theirs."""
    images = data.splits.get(split) if isinstance(data, ImageData) else None
    if images is None:
        return None
    count = min(count, len(images.labels))
    if isinstance(images, Images):
        return Images(images.pixels[:count], images.labels[:count])
    return Images(torch.stack([images[i][0] for i in range(count)]), images.labels[:count])
