"""An order in which every class comes equally often."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from groundup.data.order import EpochOrder
from groundup.data.streams import SHUFFLE
from groundup.seeds import seed_from


class BalancedOrder(EpochOrder):
    """As many images an epoch as there are, but of every class equally many, or one more.

    A small class shows its images several times an epoch, none of them twice more often than another; a large one
    shows some of its images, others in each epoch.

    Args:
        labels: `(size,)` of int64, on the CPU.
        batch_size: see `EpochOrder`, as all others.
    """

    def __init__(self, labels: Tensor, batch_size: int, **options: Any):
        super().__init__(len(labels), batch_size, **options)
        self._classes = [rows for c in labels.unique() for rows in [(labels == c).nonzero()[:, 0]]]

    def _order(self, number: int) -> Tensor:
        generator = Generator().manual_seed(seed_from(self.seed, SHUFFLE, number))
        share, rest = divmod(self.size, len(self._classes))
        longer = set(torch.randperm(len(self._classes), generator=generator)[:rest].tolist())
        chosen = [
            rows[_in_turn(len(rows), share + (place in longer), generator)] for place, rows in enumerate(self._classes)
        ]
        return torch.cat(chosen)[torch.randperm(self.size, generator=generator)]


def _in_turn(images: int, count: int, generator: Generator) -> Tensor:
    """Positions 0..images-1, `count` of them: all before any of them again, in a random order each time."""
    rounds = [torch.randperm(images, generator=generator) for _ in range(-(-count // images))]
    return torch.cat([*rounds, torch.arange(0)])[:count]
