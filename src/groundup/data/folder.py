"""The user's own images, as `ROOT/train/CLASS/*.png` and likewise `val` and `test`. No torch, no NumPy."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from groundup.errors import UserError
from groundup.printable import printable
from groundup.spec import class_name

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Split:
    """What was found of a split.

    Attributes:
        images: by `class_name` the paths of its images, sorted; nothing where the split is not there.
        passed_over: what lies among them and is not read, hidden names aside, sorted: in a class folder folders and
            files that are not named as images, beside the class folders all files.
    """

    images: dict[str, list[str]] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(map(len, self.images.values()))

    def samples(self, class_names: Sequence[str]) -> list[tuple[str, int]]:
        """Lists `(path, class index)` in turns, one image of every class, so that the first N are of all classes."""
        columns = [[(path, index) for path in self.images.get(name, [])] for index, name in enumerate(class_names)]
        return [sample for row in zip_longest(*columns) for sample in row if sample is not None]


@dataclass(frozen=True)
class Folder:
    """What was found below a root, by class and split."""

    class_names: tuple[str, ...]
    train: Split = Split()
    val: Split = Split()
    test: Split = Split()

    def split(self, name: str) -> Split:
        """The one that is called `train`, `val` or `test`."""
        return {"train": self.train, "val": self.val, "test": self.test}[name]


def scan(root: str | os.PathLike[str]) -> Folder:
    """Looks through a folder, once.

    Raises:
        UserError: `root` or `root/train` is not there, it has fewer than two classes or a class without images or with
            a name that is no text, another split has a class that train lacks, or a folder cannot be listed.
    """
    train = scan_split(root, "train")
    if not train.images:
        raise UserError(f"data.root={root}: {Path(root) / 'train'} holds no class folders; accepted: train/CLASS/*.png")
    if len(train.images) < 2:
        only = ", ".join(train.images)
        raise UserError(f"data.root={root}: train/ holds one class ({only}); at least 2 are needed")
    val, test = (scan_split(root, name) for name in ("val", "test"))
    for name, split in (("val", val), ("test", test)):
        if unknown := sorted(set(split.images) - set(train.images)):
            raise UserError(f"data.root={root}: {name}/ has a class that train/ lacks: {', '.join(unknown)}")
    return Folder(tuple(train.images), train, val, test)


def scan_split(root: str | os.PathLike[str], name: str) -> Split:
    """Looks through one split alone, `train`, `val` or `test`, once.

    Raises:
        UserError: `root` is not there, a class has no images or a name that is no text or looks as another's, or a
            folder cannot be listed.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise UserError(f"data.root={root}: no such folder; accepted: one that holds {name}/CLASS/*.png")
    split = _scan_split(root / name)
    if empty := [label for label, paths in split.images.items() if not paths]:
        raise UserError(f"data.root={root}: no images in {root / name / empty[0]}; accepted: {', '.join(EXTENSIONS)}")
    return split


def image_files(folder: str | os.PathLike[str]) -> list[str]:
    """Lists the paths in a folder that are named as images, sorted; links are followed.

    Hidden names (`._x.png`, which other systems leave) and folders are passed over. What else bears such a name, a dead
    link or a pipe say, is listed: reading it refuses it by name, where passing it over would lose an image unseen.

    Raises:
        UserError: the folder cannot be listed.
    """
    return sorted(entry.path for entry in _entries(folder) if _is_image(entry))


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
        return Split()
    if not folder.is_dir():  # a link to a disk that is not mounted, say: not the same as having none
        raise UserError(f"{folder}: is no folder; accepted: a folder of class folders, or nothing of that name")
    entries = _entries(folder)
    names = sorted(entry.name for entry in entries if _is_folder(entry))
    if foreign := [name for name in names if not _is_utf_8(name)]:
        raise UserError(f"{folder}: the name of a class is not UTF-8: {printable(foreign[0])}; rename its folder")
    called = {class_name(name): name for name in names}
    if twins := [name for name in names if called[class_name(name)] != name]:
        raise UserError(f"{folder}: two classes have names that look the same, {twins[0]}; rename a folder")
    images: dict[str, list[str]] = {}
    others = [entry.path for entry in entries if not _is_folder(entry)]
    for name in sorted(called):
        within = _entries(folder / called[name])
        images[name] = sorted(entry.path for entry in within if _is_image(entry))
        others += [entry.path for entry in within if not _is_image(entry)]
    return Split(images, sorted(others))


def _is_image(entry: os.DirEntry[str]) -> bool:
    """Whether it is named as an image, whatever it is but a folder."""
    return entry.name.lower().endswith(EXTENSIONS) and not _is_folder(entry)


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
