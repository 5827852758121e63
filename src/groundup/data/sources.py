"""A data set as tensors: images `(N, C, H, W)` of uint8 and labels `(N,)` of int64, held against its spec."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from groundup.errors import UserError
from groundup.spec import DatasetSpec

_RESIZED_AT_ONCE = 1000  # images
WHOLE = (torch.uint8, torch.int8, torch.uint16, torch.int16, torch.uint32, torch.int32, torch.uint64, torch.int64)


class Images(NamedTuple):
    """The images of a split in memory; of a folder also the files that they were read from."""

    pixels: Tensor
    labels: Tensor
    files: tuple[str, ...] | None = None

    def pick(self, positions: Tensor) -> Images:
        """Some of the images."""
        files = None if self.files is None else tuple(self.files[position] for position in positions.tolist())
        return Images(self.pixels[positions], self.labels[positions], files)


def held(
    brought: DatasetSpec,
    split: str,
    given: Any,
    image_size: tuple[int, int],
    *,
    count: int | None = None,
    limit: int | None = None,
) -> Images | None:
    """The images of a split as they were given, tensors or arrays, held against the spec that they were brought with.

    Normalisation and classes would else be another data set's.

    Args:
        brought: what their data set says of them.
        split: its name, for messages.
        given: images `(N, C, H, W)` of uint8 and class numbers `(N,)`; None where there is no such split.
        image_size: to which they are resized.
        count: how many there must be; None: any number.
        limit: only the first so many.

    Raises:
        UserError: they are others.
    """
    if given is None:
        if count:
            raise _other_images(brought, split, "none", count)
        return None
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise _other_images(brought, split, f"an object of {type(given).__name__}", count)
    pixels, labels = (_as_tensor(brought, split, values, count) for values in given)
    wanted = (len(labels) if count is None and labels.ndim else count, brought.channels, *brought.image_size)
    if pixels.dtype != torch.uint8 or tuple(pixels.shape) != wanted:
        raise _other_images(brought, split, f"images of {_kind(pixels)}", count)
    if labels.dtype not in WHOLE or tuple(labels.shape) != wanted[:1]:
        raise _other_images(brought, split, f"class numbers of {_kind(labels)}", count)
    labels = labels.to(torch.int64)
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < brought.num_classes:
        raise _other_images(brought, split, f"class numbers {int(labels.min())} to {int(labels.max())}", count)
    return Images(_resize(pixels[:limit], image_size), labels[:limit])


def _as_tensor(spec: DatasetSpec, split: str, values: Any, count: int | None) -> Tensor:
    """An array that may be written to shares its memory with the tensor."""
    if isinstance(values, Tensor):
        return values.detach().cpu()
    if not isinstance(values, np.ndarray):
        raise _other_images(spec, split, f"an object of {type(values).__module__}.{type(values).__qualname__}", count)
    native = values.astype(values.dtype.newbyteorder("="), copy=not values.flags.writeable)
    try:
        return torch.from_numpy(np.ascontiguousarray(native))
    except TypeError as error:  # text, objects
        raise _other_images(spec, split, f"an array of {values.dtype}", count) from error


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"


def _other_images(spec: DatasetSpec, split: str, given: str, count: int | None) -> UserError:
    number = "N" if count is None else count
    accepted = (
        f"images (N, C, H, W) of uint8 of shape ({number}, {spec.channels}, {spec.height}, {spec.width}) and class "
        f"numbers below {spec.num_classes} of shape ({number},)"
    )
    if not count:
        accepted = "None, for no such split" + ("" if count == 0 else f", or {accepted}")
    return UserError(f"data={spec.name}: its {split} split gives {given}; accepted by its spec: {accepted}")


def _resize(pixels: Tensor, image_size: tuple[int, int]) -> Tensor:
    if pixels.shape[2:] == image_size:
        return pixels
    parts = [
        interpolate(part.float(), image_size, mode="bilinear", antialias=True).round_().clamp_(0, 255).to(torch.uint8)
        for part in pixels.split(_RESIZED_AT_ONCE)
    ]
    return torch.cat(parts)
