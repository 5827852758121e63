"""Images that are there twice, byte by byte, where each should be once."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from groundup.data.folder import Split
from groundup.printable import printable

log = logging.getLogger(__name__)

_CHUNK = 1 << 20  # bytes


@dataclass(frozen=True)
class _File:
    split: str
    label: str
    path: str


def warn_of_copies(train: Split, val: Split, test: Split) -> None:
    """Says how many images to validate or test on are among those trained on, and how many of these are of two classes.

    Only files of equal sizes are read.
    """
    alike = _alike({"train": train, "val": val, "test": test})
    if twice := _of_two_classes(alike):
        one, other = twice[0]
        log.warning(
            f"{len(twice):,} training images are of two classes, byte by byte: {printable(one)} and "
            f"{printable(other)}; a network cannot learn both"
        )
    for name in ("val", "test"):
        copies = _held_out(alike, name)
        if copies:
            one, other = copies[0]
            log.warning(
                f"{len(copies):,} {name} images are training images, too, byte by byte: {printable(other)} is "
                f"{printable(one)}; what is measured of them is not of new images"
            )


def _alike(splits: Mapping[str, Split]) -> list[list[_File]]:
    """Groups of equal files, training images first."""
    by_size: dict[int, list[_File]] = defaultdict(list)
    for split, found in splits.items():
        for label, paths in found.images.items():
            for path in paths:
                by_size[_size(path)].append(_File(split, label, path))
    groups: list[list[_File]] = []
    for size, files in by_size.items():
        if size < 1 or len(files) < 2:
            continue
        equal: dict[bytes, list[_File]] = defaultdict(list)
        for file in files:
            equal[_digest(file.path)].append(file)
        groups += [group for group in equal.values() if len(group) > 1]
    return groups


def _of_two_classes(alike: list[list[_File]]) -> list[tuple[str, str]]:
    """Pairs of equal training images of different classes, at most one for each of the second."""
    found = []
    for group in alike:
        first, *others = group
        found += [(first.path, file.path) for file in others if file.split == "train" and file.label != first.label]
    return found


def _held_out(alike: list[list[_File]], split: str) -> list[tuple[str, str]]:
    """Pairs of a training image and an equal one of a split, at most one for each of the second."""
    trained = [group for group in alike if group[0].split == "train"]
    return [(group[0].path, file.path) for group in trained for file in group if file.split == split]


def _size(path: str) -> int:
    try:
        return os.path.getsize(path) if os.path.isfile(path) else -1
    except OSError:
        return -1


def _digest(path: str) -> bytes:
    """Of a file's content; of one that cannot be read something that nothing else has."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return os.fsencode(path)
    return digest.digest()
