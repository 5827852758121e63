"""The batches of an epoch, which an order names: of images in memory, indexed many at a time, or read from the disk."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import accumulate

import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset

from groundup.data.finish import Finish
from groundup.data.order import EpochOrder
from groundup.errors import UserError

CHUNK = 1024  # images made ready at once: a few large operations cost less than many small ones
CHUNK_BYTES = 1 << 26  # of more, batches are made ready one by one, with the random numbers of their chunk all the same
# of a batch that is evaluated, whose activations take up to three hundred times as much; twice as many of small images,
# so that 1,000 of 32 x 32 pixels in colour are a batch
EVALUATED_BYTES, SMALL_IMAGE = 500 * 4 * 3 * 32 * 32, 4 * 3 * 32 * 32


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keeps to one CPU thread what moves memory and computes little.

    More threads gain it nothing, and where other programs use the cores too, threads that wait for one another at the
    end of every operation make it many times slower.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def at_most(images: int, shape: Sequence[int]) -> int:
    """How many images `(C, H, W)` of float32 are evaluated at once: as many as are asked for, of large ones fewer."""
    size = 4 * math.prod(shape)
    return max(1, min(images, (2 if size <= SMALL_IMAGE else 1) * EVALUATED_BYTES // size))


def _batches_of(chunk: int, sizes: Sequence[int]) -> int:
    """How many batches of these sizes make up a chunk of images."""
    return max(1, chunk // sizes[0])


class Batches:
    """Batches `(x, y)` of images that lie in memory: x `(n, C, H, W)` of float32, normalised, y `(n,)` of int64.

    Args:
        images: `(N, C, H, W)` of uint8, on the device where the batches are wanted.
        labels: `(N,)` of int64, there too.
        order: which images make up a batch. Its `start` changes which batches come, never what is in them.
        finish: augments and normalises.
        chunk: images made ready at once.
    """

    def __init__(self, images: Tensor, labels: Tensor, order: EpochOrder, finish: Finish, chunk: int = CHUNK):
        self.images, self.labels = images, labels
        self.sampler = self.batch_sampler = order  # Lightning looks for both, to set the epoch
        self._finish = finish
        self._chunk = chunk

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order, epoch, start = self.sampler, self.sampler.epoch, self.sampler.start
        with _one_thread():
            batches = order.batches()
            index = torch.cat(batches).to(self.images.device)
        sizes = [len(batch) for batch in batches]
        stops = [0, *accumulate(sizes)]
        step = _batches_of(self._chunk, sizes)
        for first in range(start - start % step, len(batches), step):
            last = min(first + step, len(batches))
            rows = index[stops[first] : stops[last]]
            if last - first > 1 and 4 * math.prod(self.images.shape[1:]) * len(rows) > CHUNK_BYTES:
                yield from self._one_by_one(rows, sizes[first:last], epoch, first // step, max(0, start - first))
                continue
            with _one_thread():
                x = self._finish(self.images.index_select(0, rows), rows, epoch, first // step)
            pairs = zip(x.split(sizes[first:last]), self.labels[rows].split(sizes[first:last]), strict=True)
            for number, pair in enumerate(pairs, first):
                if number >= start:
                    yield pair

    def _one_by_one(
        self, rows: Tensor, sizes: Sequence[int], epoch: int, chunk: int, begin: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of a chunk, to the last bit as if it were made ready at once, from `begin` on."""
        for number, part in list(enumerate(rows.split(list(sizes))))[begin:]:
            with _one_thread():
                place = sum(sizes[:number]), len(rows)
                x = self._finish(self.images.index_select(0, part), part, epoch, chunk, place=place)
            yield x, self.labels[part]


class Positions:
    """The same batches, as positions of their images alone: `(n,)` of int64. A step makes images of them by `make`.

    Args:
        images: as of `Batches`.
        labels: likewise.
        order: likewise.
        finish: augments and normalises.
    """

    def __init__(self, images: Tensor, labels: Tensor, order: EpochOrder, finish: Finish):
        self.images, self.labels = images, labels
        self.sampler = self.batch_sampler = order  # Lightning looks for both, to set the epoch
        self._finish = finish
        self._epoch = torch.zeros((), dtype=torch.int64, device=images.device)

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Tensor]:
        self._epoch.fill_(self.sampler.epoch)
        batches = self.sampler.batches()
        index = torch.cat(batches).to(self.images.device)
        yield from index.split([len(batch) for batch in batches])[self.sampler.start :]

    def make(self, index: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """A batch `(x, y)` as of `Batches`, augmented by a generator on the images' device.

        What it reads stays where it is in memory, so that it can be captured with the step.
        """
        images = self.images.index_select(0, index)
        return self._finish.draw(images, index, self._epoch, generator), self.labels.index_select(0, index)


class StreamedBatches:
    """The same batches, to the last bit, of images that do not fit in memory: read by workers, finished on the device.

    Args:
        dataset: gives `(image of uint8, label, position)`.
        order: which images make up a batch.
        finish: augments and normalises.
        workers: processes that read; 0 reads in this one.
        chunk: of `Batches` whose random numbers these shall have.
    """

    def __init__(self, dataset: Dataset, order: EpochOrder, finish: Finish, workers: int = 0, chunk: int = CHUNK):
        self.sampler = self.batch_sampler = order  # Lightning looks for both, to set the epoch
        self._finish, self._chunk = finish, chunk
        self._make = partial(
            DataLoader,
            dataset,
            batch_sampler=order,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=finish.device.type == "cuda",
            generator=Generator(),  # else it takes a number from the global one
        )
        self._loader: DataLoader | None = None

    def __len__(self) -> int:
        return len(self.sampler)

    def close(self) -> None:
        """Ends the workers; the next epoch starts others.

        Left to the garbage collection, which closes their queues before they are told, each is waited for five seconds.
        """
        self._loader = None

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self._loader is None:
            self._loader = self._make()
        epoch, start, device = self.sampler.epoch, self.sampler.start, self._finish.device
        sizes = self.sampler.sizes
        step = _batches_of(self._chunk, sizes)
        try:
            for number, batch in enumerate(self._loader, start):
                images, labels, index = (tensor.to(device, non_blocking=True) for tensor in batch)
                chunk = number // step
                place = sum(sizes[chunk * step : number]), sum(sizes[chunk * step : (chunk + 1) * step])
                yield self._finish(images, index, epoch, chunk, place=place), labels
        except UserError as error:
            # A worker's error arrives with its whole traceback as its message, which ends with the message proper.
            raise UserError(str(error).rpartition(f"{UserError.__name__}: ")[2].strip()) from error
