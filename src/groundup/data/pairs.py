"""A batch of somebody else's DataLoader: images and class numbers, or refused in words before it is learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from groundup.data.sources import WHOLE
from groundup.errors import UserError

PAIR = "(images (N, C, H, W) of float, class numbers (N,) of whole numbers)"


def as_pair(batch: Any, classes: int | None, where: str) -> tuple[Tensor, Tensor]:
    """A batch as what learns from it is used to: images `(N, C, H, W)` of float32, class numbers `(N,)` of int64.

    Args:
        batch: what a loader gives.
        classes: how many there are; None where that is not known yet.
        where: it comes from, to begin the message.

    Raises:
        UserError: it is no such pair. A class number that is none of the classes would be counted as another.
    """
    if not isinstance(batch, tuple | list) or len(batch) != 2 or not all(isinstance(part, Tensor) for part in batch):
        raise _refusal(where, _named(batch), classes)
    images, labels = batch
    if not images.is_floating_point() or images.ndim != 4:
        raise _refusal(where, f"images of {_kind(images)}", classes)
    if labels.dtype not in WHOLE or labels.shape != images.shape[:1]:
        raise _refusal(where, f"class numbers of {_kind(labels)} for images of shape {tuple(images.shape)}", classes)
    labels = labels.to(torch.int64)
    if len(labels) and (int(labels.min()) < 0 or (classes is not None and int(labels.max()) >= classes)):
        given = f"class numbers from {int(labels.min())} to {int(labels.max())}"
        raise UserError(f"{_refusal(where, given, classes)}; if there are more, set num_classes of the data module")
    return images.to(torch.float32), labels


def _refusal(where: str, given: str, classes: int | None) -> UserError:
    below = "" if classes is None else f", from 0 to {classes - 1}"
    return UserError(f"{where} gives {given}; accepted: {PAIR}{below}")


def _named(batch: Any) -> str:
    if isinstance(batch, Mapping):
        return f"batches that are a {type(batch).__name__} of {', '.join(map(str, batch))}"
    if isinstance(batch, tuple | list):
        return f"batches of {len(batch)} ({', '.join(_of(part) for part in batch)})"
    return f"batches that are {_of(batch)}"


def _of(part: Any) -> str:
    return _kind(part) if isinstance(part, Tensor) else f"a {type(part).__name__}"


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
