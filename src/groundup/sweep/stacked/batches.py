"""The batches of all members of a stack: each has its own split and its own order of the same images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from groundup.data.finish import Finish
from groundup.data.loader import CHUNK
from groundup.data.module import ImageData
from groundup.data.order import EpochOrder
from groundup.data.sources import Images

SMALL_CHUNK = 256  # images of a member made ready at once, where it makes no difference to them: they stay in the cache


class StackedImages:
    """The images of one data set, once in memory, in the batches that every member would see alone.

    Args:
        members: whose splits, orders and augmentation differ by their seeds alone.
        device: where the images shall lie.
    """

    def __init__(self, members: Sequence[ImageData], device: torch.device):
        first = members[0]
        first.prepare_data()
        found = first.read("train", "val", "test")
        train, self._val = (_to(found[split], device) for split in ("train", "val"))
        assert train is not None, "every data set has a training split"
        self._train, self._device, self._first = train, device, first
        own = self._val is None and first.cuts_validation
        labels = train.labels.cpu()
        whole = (torch.arange(len(labels)), torch.arange(0))
        cuts = [member.cut(labels) if own else whole for member in members]
        self._kept = [kept.to(device) for kept, _ in cuts]
        self._held_out = [held_out for _, held_out in cuts]
        count = len(self._kept[0])
        self._orders = [EpochOrder(count, member.batch_size, seed=member.seed) for member in members]
        self._finish = [member.finish("train", count, device) for member in members]
        self._plain = first.finish("val", count, device)
        self._test = found["test"]
        self._augments = bool(first.augment)
        self._x: Tensor | None = None

    def keep(self, members: Sequence[int]) -> None:
        """Goes on with these members alone."""
        parts = (self._kept, self._held_out, self._orders, self._finish)
        self._kept, self._held_out, self._orders, self._finish = ([own[number] for number in members] for own in parts)  # type: ignore[assignment]
        self._x = None

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self._orders[0])

    def epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The training batches of an epoch: x `(M, B, C, H, W)` of float32, normalised, and y `(M, B)`."""
        for order in self._orders:
            order.set_epoch(epoch)
        batches = [order.batches() for order in self._orders]
        sizes = [len(batch) for batch in batches[0]]
        chunk = CHUNK if self._augments else SMALL_CHUNK  # as alone: its number seeds augmentation
        step = max(1, chunk // sizes[0])  # batches a chunk
        own_rows = [torch.cat(own).to(self._device) for own in batches]
        first_row = 0
        for number, first in enumerate(range(0, len(sizes), step)):
            lengths = sizes[first : first + step]
            rows = [own[first_row : first_row + sum(lengths)] for own in own_rows]
            first_row += sum(lengths)
            x, y = self._chunk(rows, epoch, number)
            yield from zip(x.split(lengths, dim=1), y.split(lengths, dim=1), strict=True)

    def _chunk(self, rows: Sequence[Tensor], epoch: int, number: int) -> tuple[Tensor, Tensor]:
        count = len(rows[0])
        if self._x is None or self._x.shape[1] < count:
            self._x = torch.empty(len(rows), count, *self._train.pixels.shape[1:], device=self._device)
        x = self._x[:, :count]  # the same memory in every chunk: fresh pages cost as much as what is written there
        positions = [kept[own] for kept, own in zip(self._kept, rows, strict=True)]
        for out, own, position, finish in zip(x, rows, positions, self._finish, strict=True):
            finish(self._train.pixels.index_select(0, position), own, epoch, number, out=out)
        return x, self._train.labels[torch.stack(positions)]

    def validation(self, member: int) -> Evaluation:
        """The validation batches of a member; none where it has no validation data."""
        if self._val is not None:
            return self._evaluation(self._val, torch.arange(len(self._val.labels)))
        return self._evaluation(self._train, self._held_out[member])

    def test(self) -> Evaluation:
        """The test batches; none where nothing is published or asked for."""
        images = _to(self._test, self._device)
        count = len(images.labels) if images is not None else 0
        return self._evaluation(images, torch.arange(count))

    def _evaluation(self, images: Images | None, positions: Tensor) -> Evaluation:
        return Evaluation(images, positions.to(self._device), self._first.eval_batch_size, self._plain)


class Evaluation:
    """Batches of some images in their order; none at all without images.

    Args:
        images: among which they are.
        positions: of them there.
        batch_size: images a batch.
        finish: normalises.
    """

    def __init__(self, images: Images | None, positions: Tensor, batch_size: int, finish: Finish):
        self._images, self._positions, self._finish = images, positions, finish
        size = len(positions)
        self._order = EpochOrder(size, batch_size, shuffle=False).batches() if size else []

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for rows in self._order:
            index = self._positions[rows.to(self._positions.device)]
            assert self._images is not None
            yield self._finish(self._images.pixels.index_select(0, index), index, 0, 0), self._images.labels[index]


def _to(images: object, device: torch.device) -> Images | None:
    if images is None:
        return None
    assert isinstance(images, Images), "jobs that read from disk are not stacked"
    return Images(images.pixels.to(device), images.labels.to(device))
