"""The user's own images, as `ROOT/train/CLASS/*.png` and likewise `val` and `test`. No torch, no NumPy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from groundup.errors import UserError

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")

Split = dict[str, list[str]]  # class name: the paths of its images, sorted


@dataclass(frozen=True)
class Folder:
    """The images found below a root, by split and class; a split whose folder is not there is empty."""

    class_names: tuple[str, ...]
    train: Split
    val: Split
    test: Split


def scan(root: str | os.PathLike[str]) -> Folder:
    """Lists the images of a folder. Other files, and what starts with a dot, are passed over.

    Raises:
        UserError: `root` or `root/train` is not there, it has fewer than two classes or a class without images, or
            another split has a class that train lacks.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(f"data.root={root}: no such folder; accepted: one that holds train/CLASS/*.png")
    train = _scan_split(root / "train")
    if not train:
        raise UserError(f"data.root={root}: {root / 'train'} holds no class folders; accepted: train/CLASS/*.png")
    if len(train) < 2:
        raise UserError(f"data.root={root}: train/ holds one class ({', '.join(train)}); at least 2 are needed")
    others = {name: _scan_split(root / name) for name in ("val", "test")}
    for name, split in {"train": train, **others}.items():
        if unknown := sorted(set(split) - set(train)):
            raise UserError(f"data.root={root}: {name}/ has a class that train/ lacks: {', '.join(unknown)}")
        if empty := [label for label, paths in split.items() if not paths]:
            raise UserError(
                f"data.root={root}: no images in {root / name / empty[0]}; accepted: {', '.join(EXTENSIONS)}"
            )
    return Folder(tuple(train), train, others["val"], others["test"])


def count(split: Split) -> int:
    return sum(map(len, split.values()))


def samples(split: Split, class_names: Sequence[str]) -> list[tuple[str, int]]:
    """Lists `(path, class index)` in turns, one image of every class, so that the first N are of all classes."""
    columns = [[(path, index) for path in split.get(name, [])] for index, name in enumerate(class_names)]
    return [sample for row in zip_longest(*columns) for sample in row if sample is not None]


def _scan_split(folder: Path) -> Split:
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    return {name: _scan_class(folder / name) for name in names}


def _scan_class(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(
            entry.path
            for entry in entries
            if entry.name.lower().endswith(EXTENSIONS) and not entry.name.startswith(".") and entry.is_file()
        )
