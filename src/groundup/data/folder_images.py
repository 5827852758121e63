"""The images of a folder: read one by one, or all into memory; whatever is wrong with them is said at once."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from groundup.data.folder_spec import FolderSpec
from groundup.data.image_reader import Reader, digest_of
from groundup.data.images import Decoded, Manner, decode, inspect
from groundup.data.listing import CONTENTS, LABELS, digests, packed
from groundup.data.sources import Images
from groundup.errors import UserError
from groundup.printable import printable
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)

_PROBLEMS_SHOWN = 1000  # a line each; beyond, it is the folder that is no folder of images
_AS_IT_IS = Manner()
_SOON = 2.0  # seconds after which a bar is shown


class BrokenImages(UserError):
    """Image files that cannot be read, all of them at once; `problems` has a line for each, which names it."""

    def __init__(self, problems: Sequence[str]):
        self.problems = list(problems)
        super().__init__(self._message() if len(self.problems) != 1 else self.problems[0])

    def _message(self) -> str:
        shown, more = self.problems[:_PROBLEMS_SHOWN], len(self.problems) - _PROBLEMS_SHOWN
        listed = [f"{len(self.problems):,} image files cannot be used:", *shown]
        return "\n  ".join(listed + ([f"and {more:,} more"] if more > 0 else []))


class FolderImages(Dataset):
    """The images of a folder's split, read when asked for: `(image (C, H, W) of uint8, label, position)`."""

    def __init__(
        self,
        samples: list[tuple[str, int]],
        spec: DatasetSpec,
        manner: Manner = _AS_IT_IS,
        reader: Reader | None = None,
    ):
        self.samples, self.spec, self.manner, self.reader = samples, spec, manner, reader

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, position: int) -> tuple[Tensor, int, int]:
        return self._decoded(position).pixels, self.samples[position][1], position

    @property
    def labels(self) -> Tensor:
        return torch.tensor([label for _, label in self.samples], dtype=torch.int64)

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(file for file, _ in self.samples)

    def pick(self, positions: Tensor) -> FolderImages:
        """Some of the images."""
        return FolderImages(
            [self.samples[position] for position in positions.tolist()], self.spec, self.manner, self.reader
        )

    def load(self, skip: bool = False) -> Images:
        """Reads them all, into memory.

        Args:
            skip: leaves out those that cannot be read, and says which.

        Raises:
            BrokenImages: some cannot be read, and none shall be left out, or none is left.
        """
        pixels = torch.empty(len(self), self.spec.channels, *self.spec.image_size, dtype=torch.uint8)

        def read(position: int) -> str | None:
            pixels[position], doubt = self._decoded(position)
            return doubt

        try:
            whole = self._each(read, skip)
        finally:  # a stopped command has not decoded for nothing
            if self.reader is not None:
                self.reader.flush()
        images = Images(pixels, self.labels, self.files)
        return images if len(whole) == len(self) else images.pick(torch.tensor(whole))

    def check(self, skip: bool = False) -> FolderImages:
        """Reads the headers of them all, which is many times faster; what is damaged behind them is not seen.

        Raises:
            BrokenImages: as `load`.
        """
        whole = self._each(lambda position: inspect(self.samples[position][0], self.manner), skip)
        return self if len(whole) == len(self) else self.pick(torch.tensor(whole))

    def _decoded(self, position: int) -> Decoded:
        if self.reader is not None:
            return self.reader.read(self.samples[position][0])
        return decode(self.samples[position][0], self.spec.channels, self.spec.image_size, manner=self.manner)

    def _each(self, look: Callable[[int], str | None], skip: bool) -> list[int]:
        """Looks at every image, in several threads; says once what is doubtful about some, and how many these are.

        Returns:
            The positions of those that can be read.
        """
        problems: list[str] = []
        doubts: list[str] = []
        whole: list[int] = []
        with _threads() as pool:  # Pillow decodes outside Python's lock
            tasks = [pool.submit(look, position) for position in range(len(self))]
            bar = tqdm(tasks, "reading images", unit=" images", delay=_SOON, leave=False, disable=None)
            for position, task in enumerate(bar):
                try:
                    doubt = task.result()
                except UserError as error:
                    problems.append(str(error))
                else:
                    whole.append(position)
                    path = self.samples[position][0]
                    doubts += [f"{printable(path)}: {doubt}"] if doubt is not None else []
        if problems and (not skip or not whole):
            raise BrokenImages(problems)
        if problems:
            log.warning("data.on_error=skip: %d of %d images are left out:\n  %s", *_counted(problems, len(self)))
        if doubts:
            log.warning("%s (likewise %d of %d images)", doubts[0], len(doubts), len(self))
        return whole


def files_of(spec: FolderSpec, limit: int | None, root: Path, reader: Reader | None) -> dict[str, Tensor]:
    """Which image files a folder has to train and to validate on, for a checkpoint, see `listing.changes`.

    Args:
        spec: of the folder.
        limit: only the first so many training images.
        root: below which their names are.
        reader: knows the contents of those that it has read; the others are read. None: contents are not told.
    """
    splits = (open_folder(spec, split, limit if split == "train" else None) for split in ("train", "val"))
    samples = [sample for images in splits if images is not None for sample in images.samples]
    named = {os.path.relpath(path, root): (path, label) for path, label in samples}
    ordered = [named[name] for name in sorted(named, key=os.fsencode)]
    found = {"files": packed(named), LABELS: digests(spec.class_names[label].encode() for _, label in ordered)}
    if reader is None:
        return found
    with _threads() as pool:
        contents = pool.map(lambda path: reader.digests.get(path) or digest_of(path), (path for path, _ in ordered))
        return found | {CONTENTS: digests(contents)}


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """A thread for each core; who leaves early does not wait for what has not begun."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _counted(problems: list[str], count: int) -> tuple[int, int, str]:
    return len(problems), count, "\n  ".join(problems)


def open_folder(
    spec: FolderSpec,
    split: str,
    limit: int | None = None,
    manner: Manner = _AS_IT_IS,
    reader: Reader | None = None,
) -> FolderImages | None:
    """The images of a folder's split in turns, one of every class; None where there is no such split."""
    samples = spec.folder.split(split).samples(spec.class_names)
    return FolderImages(samples[:limit], spec, manner, reader) if samples else None


def read_folder(
    spec: FolderSpec,
    split: str,
    limit: int | None = None,
    manner: Manner = _AS_IT_IS,
    in_memory: bool = True,
    skip: bool = False,
    reader: Reader | None = None,
) -> Images | FolderImages | None:
    """Reads a folder's split, or its headers alone; None where there is no such split.

    Args:
        spec: whose files are read.
        split: `train`, `val` or `test`.
        limit: only the first so many images.
        manner: how images are decoded.
        in_memory: False leaves the images on the disk.
        skip: leaves out what cannot be read, and says so.
        reader: of the files; None decodes them.

    Raises:
        BrokenImages: some cannot be read.
    """
    images = open_folder(spec, split, limit, manner, reader)
    if images is None or in_memory:
        return images.load(skip) if images is not None else None
    images = images.check(skip)
    log.info(
        f"data.in_memory=false: the headers of all {len(images):,} images of {split}/ were read; one that is damaged "
        "behind its header is found when it is read"
    )
    return images
