"""Which images make up every batch of an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Generator, Tensor

from groundup.data.streams import SHUFFLE
from groundup.errors import UserError
from groundup.seeds import seed_from


class EpochOrder:
    """Which images make up every batch of an epoch: a function of seed and epoch alone.

    A global batch is split between processes: each takes every `world_size`-th of its images, so that any number of
    processes sees the same global batches and every image exactly once. Where the last global batch has fewer images
    than there are processes, or a single one, which batch norm cannot learn from, it is joined to the one before.
    Serves as a `batch_sampler` too.

    Args:
        size: number of images.
        batch_size: images in a global batch.
        seed: of the shuffling.
        shuffle: a new order every epoch; False keeps the images as they are.
        passes: how often an epoch goes over the images, each time in another order.
        rank: of this process.
        world_size: number of processes.

    Attributes:
        epoch: the epoch that is iterated next; Lightning sets it by `set_epoch`.
        start: the batch to begin with in this epoch, to resume in the middle of one.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        passes: int = 1,
        rank: int = 0,
        world_size: int = 1,
    ):
        if min(size, batch_size) < world_size:
            raise UserError(
                f"a batch of {min(size, batch_size)} images cannot be split between trainer.devices={world_size} "
                "processes; accepted: data.batch_size of at least as many"
            )
        self.seed, self.shuffle, self.rank, self.world_size = seed, shuffle, rank, world_size
        self.size, self.passes = size, passes
        self.epoch = 0
        self.start = 0
        self._bounds = [*range(0, size, batch_size), size]
        rest = size % batch_size
        if len(self._bounds) > 2 and 0 < rest < max(2, world_size):
            del self._bounds[-2]

    def __len__(self) -> int:
        """The number of batches of a whole epoch, wherever this one starts."""
        return self.passes * self.batches_per_pass

    @property
    def batches_per_pass(self) -> int:
        return len(self._bounds) - 1

    @property
    def sizes(self) -> list[int]:
        """This process's images of every batch of an epoch."""
        return [
            len(range(start + self.rank, stop, self.world_size)) for start, stop in pairwise(self._bounds)
        ] * self.passes

    def __iter__(self) -> Iterator[list[int]]:
        return iter([batch.tolist() for batch in self.batches()[self.start :]])

    def set_epoch(self, epoch: int) -> None:
        """Turns to an epoch; one that is new starts at its first batch."""
        if epoch != self.epoch:
            self.epoch, self.start = epoch, 0

    def batches(self) -> list[Tensor]:
        """This process's images of every batch of the epoch, as positions, on the CPU."""
        orders = [self._order(self.epoch * self.passes + number) for number in range(self.passes)]
        bounds = list(pairwise(self._bounds))
        return [order[start + self.rank : stop : self.world_size] for order in orders for start, stop in bounds]

    def _order(self, number: int) -> Tensor:
        """Of the pass with this number, counted over all epochs."""
        if not self.shuffle:
            return torch.arange(self.size)
        generator = Generator().manual_seed(seed_from(self.seed, SHUFFLE, number))
        return torch.randperm(self.size, generator=generator)

    def share(self, batch: int) -> float:
        """What this process's mean loss of a batch must be multiplied by for the mean over processes to be right.

        It is 1 but where a global batch does not divide evenly: then the processes' parts differ by one image, and a
        plain mean of their means would weigh the images of the smaller part more.
        """
        number = batch % self.batches_per_pass
        images = self._bounds[number + 1] - self._bounds[number]
        own = len(range(self.rank, images, self.world_size))
        return own * self.world_size / images
