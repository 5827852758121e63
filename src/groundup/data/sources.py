"""Every data set as tensors: images `(N, C, H, W)` of uint8 and labels `(N,)` of int64."""

from __future__ import annotations

import gzip
import importlib.util
import io
import logging
import os
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.data import Dataset

from groundup.data import folder
from groundup.data.archives import ARCHIVES
from groundup.data.classes import refuse_unknown
from groundup.data.images import Background, Decoded, decode, inspect
from groundup.errors import UserError
from groundup.printable import printable
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)

_RESIZED_AT_ONCE = 1000  # images
_PROBLEMS_SHOWN = 10


class Images(NamedTuple):
    pixels: Tensor
    labels: Tensor


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

    def __init__(self, samples: list[tuple[str, int]], spec: DatasetSpec, background: Background = "white"):
        self.samples, self.spec, self.background = samples, spec, background

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, position: int) -> tuple[Tensor, int, int]:
        return self._decoded(position).pixels, self.samples[position][1], position

    @property
    def labels(self) -> Tensor:
        return torch.tensor([label for _, label in self.samples], dtype=torch.int64)

    def pick(self, positions: Tensor) -> FolderImages:
        """Some of the images."""
        return FolderImages([self.samples[position] for position in positions.tolist()], self.spec, self.background)

    def load(self) -> Images:
        """Reads them all, into memory.

        Raises:
            BrokenImages: some cannot be read.
        """
        pixels = torch.empty(len(self), self.spec.channels, *self.spec.image_size, dtype=torch.uint8)

        def read(position: int) -> str | None:
            pixels[position], doubt = self._decoded(position)
            return doubt

        self._each(read)
        return Images(pixels, self.labels)

    def check(self) -> None:
        """Reads the headers of them all, which is many times faster; what is damaged behind them is not seen.

        Raises:
            BrokenImages: some are broken.
        """
        self._each(lambda position: inspect(self.samples[position][0]))

    def _decoded(self, position: int) -> Decoded:
        return decode(self.samples[position][0], self.spec.channels, self.spec.image_size, self.background)

    def _each(self, look: Callable[[int], str | None]) -> None:
        """Looks at every image, in several threads; says once what is doubtful about some, and how many these are."""
        problems: list[str] = []
        doubts: list[str] = []
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes outside Python's lock
            tasks = [pool.submit(look, position) for position in range(len(self))]
            for (path, _), task in zip(self.samples, tasks, strict=True):
                try:
                    doubt = task.result()
                except UserError as error:
                    problems.append(str(error))
                else:
                    doubts += [f"{printable(path)}: {doubt}"] if doubt is not None else []
        if problems:
            raise BrokenImages(problems)
        if doubts:
            log.warning("%s (likewise %d of %d images)", doubts[0], len(doubts), len(self))


def read(
    spec: DatasetSpec,
    root: str | os.PathLike[str],
    split: str,
    labels: str = "fine",
    limit: int | None = None,
    background: Background = "white",
) -> Images | None:
    """Reads a split of a data set whose files are there, resized to the spec's size where that differs.

    Args:
        spec: of the data set.
        root: the folder of torchvision's layout.
        split: `train`, `val` or `test`; None is returned for one that is not published.
        labels: `fine` or `coarse`, of cifar100.
        limit: only the first so many images.
        background: of an image folder, what shows through where an image is transparent.

    Raises:
        UserError: a file is damaged.
    """
    if spec.name == "image_folder":
        images = open_folder(spec, root, split, limit, background)
        return images.load() if images is not None else None
    if split == "val":
        return None
    pixels, targets = _digits(split) if spec.name == "digits" else _published(spec.name, Path(root), split, labels)
    return Images(_resize(pixels[:limit], spec.image_size), targets[:limit])


def open_folder(
    spec: DatasetSpec,
    root: str | os.PathLike[str],
    split: str,
    limit: int | None = None,
    background: Background = "white",
) -> FolderImages | None:
    """Lists the images of a folder's split in turns, one of every class; None where there is no such split."""
    found = folder.scan_split(root, split)
    refuse_unknown(found, spec.class_names, f"data.root={root}: {split}/")  # changed since the spec was made
    samples = folder.samples(found, spec.class_names)
    return FolderImages(samples[:limit], spec, background) if samples else None


def _digits(split: str) -> tuple[Tensor, Tensor]:
    """scikit-learn's digits: 0..16 scaled to 0..255; every fifth image (position % 5 == 4) is of the test split.

    The file is read without importing scikit-learn, which takes seconds.
    """
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise UserError("data=digits needs scikit-learn, which ships them: pip install scikit-learn")
    with gzip.open(Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    table = table[(np.arange(len(table)) % 5 == 4) == (split == "test")]
    pixels = np.round(table[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    return torch.from_numpy(pixels), torch.from_numpy(table[:, -1].astype(np.int64))


def _published(name: str, root: Path, split: str, labels: str) -> tuple[Tensor, Tensor]:
    from torchvision import datasets

    if name in ("mnist", "fashion_mnist"):
        kind = datasets.MNIST if name == "mnist" else datasets.FashionMNIST
        dataset = kind(root, train=split == "train")
        return dataset.data[:, None], dataset.targets
    dataset = (datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100)(root, train=split == "train")
    targets = _coarse_labels(root, split) if labels == "coarse" else dataset.targets
    return torch.from_numpy(dataset.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(targets, dtype=torch.int64)


def _coarse_labels(root: Path, split: str) -> list[int]:
    """CIFAR-100's labels of 20 superclasses, which torchvision leaves in the file; it has just checked the MD5."""
    members = {Path(member).name: member for member in ARCHIVES["cifar100"][0].members}
    content = (root / members[split]).read_bytes()
    return _ArraysOnly(io.BytesIO(content), encoding="latin1").load()["coarse_labels"]


class _ArraysOnly(pickle.Unpickler):
    """Unpickles built-in containers and NumPy arrays, and nothing that could run code."""

    _MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
    _NAMES = ("_reconstruct", "ndarray", "dtype")

    def find_class(self, module: str, name: str) -> Any:
        if module in self._MODULES and name in self._NAMES:
            return super().find_class(module, name)
        raise UserError(f"a data file asks for {module}.{name}: refused; accepted: arrays, lists, numbers and text")


def _resize(pixels: Tensor, image_size: tuple[int, int]) -> Tensor:
    if pixels.shape[2:] == image_size:
        return pixels
    parts = [
        interpolate(part.float(), image_size, mode="bilinear", antialias=True).round_().clamp_(0, 255).to(torch.uint8)
        for part in pixels.split(_RESIZED_AT_ONCE)
    ]
    return torch.cat(parts)
