"""How well single blocks see through their noise, over an epoch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from groundup.learning.metrics import Reduce


class BlockErrors:
    """Sums of every block's squared errors, kept on the device until they are read.

    Args:
        blocks: T.
    """

    def __init__(self, blocks: int):
        self._sums = torch.zeros(blocks)
        self._counts = [0] * blocks

    def to(self, device: torch.device) -> None:
        self._sums = self._sums.to(device)

    def update(self, blocks: range, errors: Tensor, images: int) -> None:
        """Takes in a step: the blocks that it trained, their errors, means over its images, `(b,)`."""
        self._sums[blocks.start : blocks.stop] += errors * images
        for block in blocks:
            self._counts[block] += images

    def metrics(self, reduce: Reduce) -> dict[str, float]:
        """`train/block_01` and so on, over all processes, of the blocks that were trained."""
        counts = torch.tensor(self._counts, device=self._sums.device)
        errors, images = reduce(torch.stack([self._sums, counts])).tolist()
        found = enumerate(zip(errors, images, strict=True), 1)
        return {f"train/block_{number:02}": error / count for number, (error, count) in found if count}

    def reset(self) -> None:
        """A new epoch."""
        self._sums.zero_()
        self._counts = [0] * len(self._counts)

    def state(self) -> dict[str, Any]:
        """For a checkpoint: plain numbers."""
        return {"errors": self._sums.tolist(), "counts": self._counts}

    def load(self, state: dict[str, Any]) -> None:
        """Goes on from what `state` gave."""
        self._sums, self._counts = torch.tensor(state["errors"]), list(state["counts"])
