"""Mean and standard deviation of the images that are trained on, by which all images are normalised."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from groundup.data.folder_images import FolderImages
from groundup.data.sources import Images
from groundup.errors import UserError
from groundup.spec import DatasetSpec

if TYPE_CHECKING:
    from groundup.data.module import ImageData

log = logging.getLogger(__name__)

_AT_ONCE = 1 << 24  # values


def measured(data: ImageData) -> DatasetSpec:
    """The spec of a data set that measures its mean or deviation: with those of its training images, validation cut.

    Reads the images, which stay in `data.splits`.

    Raises:
        UserError: they cannot be read, or all pixels of a channel are equal.
    """
    data.prepare_data()
    data.setup("fit")
    train = data.splits["train"]
    assert train is not None, "every data set has a training split"
    mean, std = statistics(train)
    if min(std) == 0:
        raise UserError(
            f"data.std=auto: all pixels of a channel of the training images of data={data.spec.name} are equal; "
            "accepted: a list of numbers above 0"
        )
    found = {key: values for key, values in (("mean", mean), ("std", std)) if key in data.measures}
    for key in found:
        log.info(f"data.{key}=auto: {', '.join(f'{value:.4f}' for value in found[key])} in the training images")
    spec = data.spec
    return replace(spec, mean=found.get("mean", spec.mean), std=found.get("std", spec.std))


def statistics(images: Images | FolderImages) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, of pixels scaled to 0..1: of whole numbers, so to the last bit."""
    count, total, squares = 0, torch.tensor(0), torch.tensor(0)
    for part in _parts(images):
        values = part.transpose(0, 1).flatten(1).to(torch.int64)
        count += values.shape[1]
        total, squares = total + values.sum(1), squares + (values * values).sum(1)
    mean = total.double() / count
    variance = squares.double() / count - mean * mean
    scaled = mean / 255, variance.clamp(min=0).sqrt() / 255
    return tuple(scaled[0].tolist()), tuple(scaled[1].tolist())


def _parts(images: Images | FolderImages) -> Iterator[Tensor]:
    """The images `(n, C, H, W)`, some at a time; those on the disk are read by several threads."""
    if isinstance(images, Images):
        yield from images.pixels.split(max(1, _AT_ONCE // max(1, images.pixels[0].numel())))
        return
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for pixels in pool.map(lambda place: images[place][0], range(len(images))):
            yield pixels[None]
