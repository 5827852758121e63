"""The user's own images, by class and split: `ROOT/train/CLASS/*`, or `ROOT/CLASS/*`. No torch, no NumPy."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path

from groundup.data.classes import listed
from groundup.data.layout import Layout, entries_of, is_folder, layout_of, refuse_other_split_names
from groundup.data.signatures import is_image
from groundup.errors import UserError
from groundup.printable import printable
from groundup.spec import class_name

# what is named so is an image, and what is not may be one by its content, see `signatures`
EXTENSIONS = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".bmp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".tif", ".tiff"),
    *(".webp", ".avif", ".heic", ".heif", ".jp2", ".qoi"),
)
LAYOUTS = "train/CLASS/*.png, or CLASS/*.png"


@dataclass(frozen=True)
class Split:
    """What was found of a split.

    Attributes:
        images: by `class_name` the paths of its images, sorted; nothing where the split is not there.
        passed_over: what lies among them and is not read, hidden names aside, sorted: what is no image, and all files
            beside the class folders.
    """

    images: dict[str, list[str]] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(map(len, self.images.values()))

    @property
    def empty(self) -> list[str]:
        """The classes that have a folder and no images."""
        return [name for name, paths in self.images.items() if not paths]

    def samples(self, class_names: Sequence[str]) -> list[tuple[str, int]]:
        """Lists `(path, class index)` in turns, one image of every class, so that the first N are of all classes."""
        columns = [[(path, index) for path in self.images.get(name, [])] for index, name in enumerate(class_names)]
        return [sample for row in zip_longest(*columns) for sample in row if sample is not None]


@dataclass(frozen=True)
class Folder:
    """What was found below a root, by class and split.

    Attributes:
        is_flat: class folders lie in the root itself, with all images in `train`.
        root: below which all of it lies.
        beside: the names of folders beside those of splits, which are not read.
    """

    class_names: tuple[str, ...]
    train: Split = Split()
    val: Split = Split()
    test: Split = Split()
    is_flat: bool = False
    root: str = ""
    beside: tuple[str, ...] = ()

    def split(self, name: str) -> Split:
        """The one that is called `train`, `val` or `test`."""
        return {"train": self.train, "val": self.val, "test": self.test}[name]


def scan(root: str | os.PathLike[str]) -> Folder:
    """Looks through a folder, once.

    Raises:
        UserError: `root` is not there, it has fewer than two classes or a class to train on without images or with a
            name that is no text, another split has a class that train lacks, or a folder cannot be listed.
    """
    root, layout = _look_at(root)
    folders = layout.splits
    if not folders:
        return _flat(root)
    if "train" not in folders:
        raise _no_train(root, folders)
    train = _scan_split(folders["train"])
    name = folders["train"].name
    if not train.images:
        raise UserError(
            f"data.root={root}: {folders['train']} holds no class folders; accepted: {LAYOUTS}. Is {name} a class? "
            "Call it otherwise, for this is the name of a split"
        )
    _refuse_few_classes(root, train, f"{name}/")
    val, test = (_scan_split(folders[name]) if name in folders else Split() for name in ("val", "test"))
    for name, split in (("val", val), ("test", test)):
        if unknown := sorted(set(split.images) - set(train.images)):
            alike = {known.casefold(): known for known in train.images}.get(unknown[0].casefold())
            other = f"; train/ has {alike}, and upper and lower case are told apart" if alike else ""
            raise UserError(f"data.root={root}: {name}/ has a class that train/ lacks: {', '.join(unknown)}{other}")
    return Folder(tuple(train.images), train, val, test, root=str(root), beside=layout.others)


def scan_test(root: str | os.PathLike[str]) -> Folder:
    """Looks through the images to test on alone; where there is no test split, through those that it is cut from.

    Raises:
        UserError: as `scan`, but that one class is enough.
    """
    root, layout = _look_at(root)
    folders = layout.splits
    if not folders:
        whole = _scan_split(root)
        return Folder(tuple(whole.images), train=whole, is_flat=True, root=str(root))
    test = _scan_split(folders["test"]) if "test" in folders else Split()
    train = _scan_split(folders["train"]) if "test" not in folders and "train" in folders else Split()
    return Folder(tuple(train.images or test.images), train, test=test, root=str(root))


def cut_test(folder: Folder, fraction: float, seed: int) -> Folder:
    """Moves a share of the training images of every class, rounded, to the test split.

    Which ones follows from seed and their names alone, by SHA-256, so it is the same on every machine. Of a class with
    two or more images one at least is moved, and one stays; where the share is 1 all are moved.

    Args:
        fraction: 0 to 1.
    """
    train: dict[str, list[str]] = {}
    test: dict[str, list[str]] = {}
    for name, paths in folder.train.images.items():
        count = len(paths)
        wanted = count if fraction == 1 else min(max(1, int(count * fraction + 0.5)), count - 1)
        moved = set(sorted(paths, key=lambda path: _rank(os.path.relpath(path, folder.root), seed))[: max(0, wanted)])
        train[name] = [path for path in paths if path not in moved]
        test[name] = [path for path in paths if path in moved]
    return replace(folder, train=replace(folder.train, images=train), test=Split(test))


def _rank(path: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{class_name(path)}".encode("utf-8", "surrogateescape")).digest()


def _flat(root: Path) -> Folder:
    """Class folders that lie in the root itself."""
    whole = _scan_split(root)
    if not whole.images:
        raise UserError(f"data.root={root}: it holds no class folders; accepted: {LAYOUTS}")
    if len(whole.images) == 1:
        _refuse_folder_around(root, root / next(iter(whole.images)))
    _refuse_few_classes(root, whole, "it")
    refuse_other_split_names(root, whole.images)
    return Folder(tuple(whole.images), whole, is_flat=True, root=str(root))


def _refuse_folder_around(root: Path, only: Path) -> None:
    """Refuses the folder around the one that is meant, as an archive leaves it that was unpacked into its own name."""
    if layout_of(only).splits:
        raise UserError(f"data.root={root}: its only folder holds the splits; accepted: data.root={only}")
    within = sorted(entry.name for entry in entries_of(only) if is_folder(entry))
    if len(within) > 1:
        raise UserError(
            f"data.root={root}: its only folder holds the folders {listed(within)}; accepted, if these are the "
            f"classes: data.root={only}"
        )


def _no_train(root: Path, folders: Mapping[str, Path]) -> UserError:
    there = {name: folder.name for name, folder in folders.items()}
    called = " and ".join(f"{folder}/ as the {name} split" for name, folder in there.items())
    return UserError(
        f"data.root={root}: it holds {called}, and no train/; accepted: {LAYOUTS}. Is {next(iter(there.values()))} a "
        "class? Call it otherwise, for this is the name of a split"
    )


def _look_at(root: str | os.PathLike[str]) -> tuple[Path, Layout]:
    root = Path(root).expanduser()
    if not root.is_dir():
        raise UserError(f"data.root={root}: no such folder; accepted: one that holds {LAYOUTS}")
    return root, layout_of(root)


def _refuse_few_classes(root: Path, train: Split, where: str) -> None:
    if train.empty:
        folder = root / ("" if where == "it" else where) / train.empty[0]
        raise UserError(f"data.root={root}: no images in {folder}; accepted: {', '.join(EXTENSIONS)}")
    if len(train.images) < 2:
        only = ", ".join(train.images)
        raise UserError(f"data.root={root}: {where} holds one class ({only}); at least 2 are needed")


def image_files(folder: str | os.PathLike[str]) -> list[str]:
    """Lists the paths in a folder that are named as images, or are images by content, sorted; links are followed.

    Hidden names (`._x.png`, which other systems leave) and folders are passed over. What else bears such a name, a dead
    link or a pipe say, is listed: reading it refuses it by name, where passing it over would lose an image unseen.

    Raises:
        UserError: the folder cannot be listed.
    """
    return sorted(entry.path for entry in entries_of(folder) if not is_folder(entry) and _is_image(entry))


def image_files_below(folder: str | os.PathLike[str]) -> list[str]:
    """Lists `image_files` of a folder and of all folders in it, hidden ones passed over, sorted.

    Every folder is looked through once, however many links lead to it: they may lead round and round. A link to a
    folder that this one lies in is not followed: of a class it would lead to the others.

    One that cannot be listed stands for the images in it.

    Raises:
        UserError: the folder itself cannot be listed.
    """
    return _below(folder)[0]


def _below(folder: str | os.PathLike[str]) -> tuple[list[str], list[str]]:
    """The images of a folder and of all folders in it, and the other files, each sorted."""
    images: list[str] = []
    others: list[str] = []
    seen: set[str] = set(map(str, Path(os.path.realpath(folder)).parents))
    pending = deque([os.fspath(folder)])
    while pending:
        current = pending.popleft()
        if (place := os.path.realpath(current)) in seen:
            continue
        seen.add(place)
        try:
            entries = entries_of(current)
        except UserError:
            if current == os.fspath(folder):
                raise
            images.append(current)  # reading it refuses it by name, and costs no other image
            continue
        for entry in sorted(entries, key=lambda entry: entry.name):
            if is_folder(entry):  # by its own name, if it has one
                pending.append(entry.path) if entry.is_symlink() else pending.appendleft(entry.path)
            else:
                (images if _is_image(entry) else others).append(entry.path)
    return sorted(images), sorted(others)


def _scan_split(folder: Path) -> Split:
    entries = entries_of(folder)
    names = sorted(entry.name for entry in entries if is_folder(entry))
    if foreign := [name for name in names if not _is_utf_8(name)]:
        raise UserError(f"{folder}: the name of a class is not UTF-8: {printable(foreign[0])}; rename its folder")
    called = {class_name(name): name for name in names}
    if twins := [name for name in names if called[class_name(name)] != name]:
        raise UserError(f"{folder}: two classes have names that look the same, {twins[0]}; rename a folder")
    images: dict[str, list[str]] = {}
    others = [entry.path for entry in entries if not is_folder(entry)]
    for name in sorted(called):
        images[name], within = _below(folder / called[name])
        others += within
    return Split(images, sorted(others))


def _is_image(entry: os.DirEntry[str]) -> bool:
    """Whether a file, or what else is no folder, is named as an image, or is one by its content."""
    return entry.name.lower().endswith(EXTENSIONS) or is_image(entry.path)


def _is_utf_8(name: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in name)  # how Python holds bytes that are no letters
