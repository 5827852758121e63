"""The user's own images, as `ROOT/train/CLASS/*.png` and likewise `val` and `test`. No torch, no NumPy."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from groundup.errors import UserError
from groundup.printable import printable
from groundup.spec import class_name

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")

Split = dict[str, list[str]]  # `class_name`: the paths of its images, sorted


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
        UserError: `root` or `root/train` is not there, it has fewer than two classes or a class without images or with
            a name that is no text, another split has a class that train lacks, or a folder cannot be listed.
    """
    train = scan_split(root, "train")
    if not train:
        raise UserError(f"data.root={root}: {Path(root) / 'train'} holds no class folders; accepted: train/CLASS/*.png")
    if len(train) < 2:
        raise UserError(f"data.root={root}: train/ holds one class ({', '.join(train)}); at least 2 are needed")
    others = {name: scan_split(root, name) for name in ("val", "test")}
    for name, split in others.items():
        if unknown := sorted(set(split) - set(train)):
            raise UserError(f"data.root={root}: {name}/ has a class that train/ lacks: {', '.join(unknown)}")
    return Folder(tuple(train), train, others["val"], others["test"])


def scan_split(root: str | os.PathLike[str], name: str) -> Split:
    """Lists the images of one split alone, `train`, `val` or `test`; nothing where it is not there.

    Raises:
        UserError: `root` is not there, a class has no images or a name that is no text or looks as another's, or a
            folder cannot be listed.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise UserError(f"data.root={root}: no such folder; accepted: one that holds {name}/CLASS/*.png")
    split = _scan_split(root / name)
    if empty := [label for label, paths in split.items() if not paths]:
        raise UserError(f"data.root={root}: no images in {root / name / empty[0]}; accepted: {', '.join(EXTENSIONS)}")
    return split


def passed_over(root: str | os.PathLike[str], name: str) -> list[str]:
    """Lists what lies in a split and is not read; hidden names aside.

    In a class folder these are folders and files that are not named as images, beside the class folders all files.
    """
    split = Path(root).expanduser() / name
    beside = [entry.path for entry in _entries(split) if not _is_folder(entry)]
    entries = [entry for label in _folders(split) for entry in _entries(split / label)]
    within = [entry.path for entry in entries if _is_folder(entry) or not entry.name.lower().endswith(EXTENSIONS)]
    return sorted(beside + within)


def count(split: Split) -> int:
    return sum(map(len, split.values()))


def samples(split: Split, class_names: Sequence[str]) -> list[tuple[str, int]]:
    """Lists `(path, class index)` in turns, one image of every class, so that the first N are of all classes."""
    columns = [[(path, index) for path in split.get(name, [])] for index, name in enumerate(class_names)]
    return [sample for row in zip_longest(*columns) for sample in row if sample is not None]


def image_files(folder: str | os.PathLike[str]) -> list[str]:
    """Lists the paths in a folder that are named as images, sorted; links are followed.

    Hidden names (`._x.png`, which other systems leave) and folders are passed over. What else bears such a name, a dead
    link or a pipe say, is listed: reading it refuses it by name, where passing it over would lose an image unseen.

    Raises:
        UserError: the folder cannot be listed.
    """
    return sorted(
        entry.path for entry in _entries(folder) if entry.name.lower().endswith(EXTENSIONS) and not _is_folder(entry)
    )


def image_files_below(folder: str | os.PathLike[str]) -> list[str]:
    """Lists `image_files` of a folder and of all folders in it, hidden ones passed over, sorted.

    Every folder is looked through once, however many links lead to it: they may lead round and round.

    Raises:
        UserError: one of the folders cannot be listed.
    """
    found: list[str] = []
    seen: set[str] = set()
    pending = deque([os.fspath(folder)])
    while pending:
        current = pending.popleft()
        if (place := os.path.realpath(current)) in seen:
            continue
        seen.add(place)
        found += image_files(current)
        for path in (os.path.join(current, name) for name in _folders(current)):
            pending.append(path) if os.path.islink(path) else pending.appendleft(path)  # by its own name, if it has one
    return sorted(found)


def _scan_split(folder: Path) -> Split:
    if not os.path.lexists(folder):
        return {}
    if not folder.is_dir():  # a link to a disk that is not mounted, say: not the same as having none
        raise UserError(f"{folder}: is no folder; accepted: a folder of class folders, or nothing of that name")
    names = _folders(folder)
    if foreign := [name for name in names if not _is_utf_8(name)]:
        raise UserError(f"{folder}: the name of a class is not UTF-8: {printable(foreign[0])}; rename its folder")
    called = {class_name(name): name for name in names}
    if twins := [name for name in names if called[class_name(name)] != name]:
        raise UserError(f"{folder}: two classes have names that look the same, {twins[0]}; rename a folder")
    return {name: image_files(folder / called[name]) for name in sorted(called)}


def _is_utf_8(name: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in name)  # how Python holds bytes that are no letters


def _folders(folder: str | os.PathLike[str]) -> list[str]:
    return sorted(entry.name for entry in _entries(folder) if _is_folder(entry))


def _entries(folder: str | os.PathLike[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise UserError(f"{printable(str(folder))}: cannot be listed: {error.strerror}") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder or a link to one; asks the disk about links alone."""
    return entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and os.path.isdir(entry.path))
