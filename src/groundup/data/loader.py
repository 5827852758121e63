"""How the batches of an epoch are made: an order of the images, and a loader that indexes them many at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise

import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset

from groundup.data.augment import Part, Step
from groundup.errors import UserError
from groundup.seeds import seed_from

CHUNK = 1024  # images made ready at once: a few large operations cost less than many small ones

_SHUFFLE, _AUGMENT = 0, 1  # separate streams of random numbers


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
        generator = Generator().manual_seed(seed_from(self.seed, _SHUFFLE, number))
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


class Finish:
    """The last step of making a batch: augmentation, and normalisation to float32.

    Args:
        mean: per channel, of pixels scaled to 0..1.
        std: likewise.
        device: where the images lie.
        augment: of whole batches, or None.
        seed: of the augmentation.
        rank: of this process, which augments unlike the others.
    """

    def __init__(
        self,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        device: torch.device | str = "cpu",
        *,
        augment: Step | None = None,
        seed: int = 0,
        rank: int = 0,
    ):
        self.device = torch.device(device)
        self._shift = 255 * torch.tensor(mean, device=device)[:, None, None]
        self._scale = 1 / (255 * torch.tensor(std, device=device)[:, None, None])
        self._augment, self._seed, self._rank = augment, seed, rank

    def __call__(
        self,
        images: Tensor,
        index: Tensor,
        epoch: int,
        number: int,
        out: Tensor | None = None,
        place: tuple[int, int] | None = None,
    ) -> Tensor:
        """Finishes images of a data set.

        Args:
            images: `(N, C, H, W)` of uint8.
            index: `(N,)`, their positions in the data set.
            epoch: counted from 0.
            number: of the chunk in its epoch; it seeds what is random.
            out: where to put them, `(N, C, H, W)` of float32; None makes a tensor.
            place: of a part of a chunk, where it begins in the chunk, and how many images that has.
        """
        if self._augment is not None:
            generator = Generator(self.device).manual_seed(seed_from(self._seed, _AUGMENT, epoch, number, self._rank))
            random = generator if place is None else Part(generator, *place)
            images = self._augment(images, index, epoch, random)
        return self._normalised(images, out)

    def draw(self, images: Tensor, index: Tensor, epoch: Tensor, generator: Generator) -> Tensor:
        """Finishes images with the random numbers of a generator; `epoch` is a scalar on the device."""
        if self._augment is not None:
            images = self._augment(images, index, epoch, generator)
        return self._normalised(images)

    def _normalised(self, images: Tensor, out: Tensor | None = None) -> Tensor:
        finished = images.to(torch.float32) if out is None else out.copy_(images)
        return finished.sub_(self._shift).mul_(self._scale)


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
            with _one_thread():
                x = self._finish(self.images.index_select(0, rows), rows, epoch, first // step)
            pairs = zip(x.split(sizes[first:last]), self.labels[rows].split(sizes[first:last]), strict=True)
            for number, pair in enumerate(pairs, first):
                if number >= start:
                    yield pair


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
        self._loader: DataLoader = DataLoader(
            dataset,
            batch_sampler=order,  # type: ignore[arg-type]  # any iterable of lists of positions will do
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=finish.device.type == "cuda",
            generator=Generator(),  # else it takes a number from the global one
        )

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
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
