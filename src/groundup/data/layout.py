"""Where the splits of an image folder lie, as people and programs name their folders. No torch, no NumPy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from groundup.errors import UserError
from groundup.printable import printable

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}  # by how its folder may be called, in any case
_OTHERS = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found")


def is_hidden(name: str) -> bool:
    """Whether a name is of a file or folder that programs leave among those of people, `.ipynb_checkpoints` say."""
    return name.startswith(".") or name in _OTHERS


def entries_of(folder: str | os.PathLike[str]) -> list[os.DirEntry[str]]:
    """What is in a folder, but for what is hidden.

    Raises:
        UserError: it cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not is_hidden(entry.name)]
    except OSError as error:
        raise UserError(f"{printable(str(folder))}: cannot be listed: {error.strerror}") from error


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder or a link to one; asks the disk about links alone."""
    return entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and os.path.isdir(entry.path))


@dataclass(frozen=True)
class Layout:
    """The folders in a root.

    Attributes:
        splits: by split, `train`, `val` and `test`, the one that is called so; {} where class folders lie there.
        others: the names of those that no split is called as, sorted.
    """

    splits: dict[str, Path]
    others: tuple[str, ...]


def layout_of(root: Path) -> Layout:
    """Looks at the folders in a root, and no further.

    Raises:
        UserError: two folders are called as the same split, or something else than a folder is.
    """
    found: dict[str, Path] = {}
    others: list[str] = []
    for entry in sorted(entries_of(root), key=lambda entry: entry.name):
        split = SPLITS.get(entry.name.casefold())
        if split is None:
            others += [entry.name] if is_folder(entry) else []
            continue
        if not (is_folder(entry) or entry.is_symlink()):
            continue
        if not is_folder(entry):  # a link to a disk that is not mounted, say: not the same as having none
            raise UserError(f"{entry.path}: is no folder; accepted: a folder of class folders, or nothing of that name")
        if split in found:
            raise UserError(
                f"data.root={root}: {found[split].name}/ and {entry.name}/ are both called as the {split} split; "
                "accepted: one of them"
            )
        found[split] = Path(entry.path)
    return Layout(found, tuple(others))


def has_val_folder(root: str | os.PathLike[str]) -> bool:
    """Whether a root has images to validate on; False where it cannot be looked at, of which `scan` speaks."""
    try:
        return "val" in layout_of(Path(root).expanduser()).splits
    except UserError:
        return False


def refuse_other_split_names(root: Path, images: Mapping[str, list[str]]) -> None:
    """Refuses what looks like splits under names of their own, `fold1/cat` and `fold2/cat`: they are no classes.

    Raises:
        UserError: all images lie in folders within the class folders, and these are called alike in all of them.
    """
    within = [
        {os.path.relpath(path, root / name).partition(os.sep)[0] for path in paths if _is_deep(path, root / name)}
        for name, paths in images.items()
        if paths
    ]
    flat = any(not _is_deep(path, root / name) for name, paths in images.items() for path in paths)
    if flat or len(within) < 2 or len(within[0]) < 2 or any(names != within[0] for names in within):
        return
    raise UserError(
        f"data.root={root}: {', '.join(map(printable, sorted(images)))} all hold the folders "
        f"{', '.join(map(printable, sorted(within[0])))}, so which are the classes? Accepted: split folders called "
        "train, val and test with a folder for each class, or class folders alone"
    )


def _is_deep(path: str, folder: Path) -> bool:
    return os.path.dirname(path) != os.fspath(folder)
