"""Counts the images of a training whose loss the project cannot read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class ImageCount:
    """Stands for a `TrainMeter` where a module keeps its figures itself: it counts steps and images, no more.

    Args:
        capacity: steps between two times that they are logged.
        device: of the training; nothing is kept there.

    Attributes:
        count: images of this epoch.
    """

    def __init__(self, capacity: int, device: torch.device | str = "cpu"):
        self._capacity = self.left = capacity
        self.loss_sum, self.hits, self.count = 0.0, 0.0, 0

    @property
    def full(self) -> bool:
        return self.left <= 0

    def add(self, images: int) -> None:
        """Counts a step."""
        self.left -= 1
        self.count += images

    def read(self, step: int) -> float:
        """Begins to count steps anew; there is no loss to give."""
        self.left = self._capacity
        return math.nan

    def reset(self) -> None:
        """A new epoch."""
        self.left, self.count = self._capacity, 0


def images_in(batch: Any) -> int:
    """The images of a batch: the length of the first tensor that is found in it; 0 without any."""
    if isinstance(batch, Tensor):
        return len(batch) if batch.ndim else 0
    parts = batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, list | tuple) else ()
    return next((count for count in map(images_in, parts) if count), 0)
