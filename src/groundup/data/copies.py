"""Images that are there twice, byte by byte, where each should be once."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import defaultdict

from groundup.data.folder import Split
from groundup.printable import printable

log = logging.getLogger(__name__)

_CHUNK = 1 << 20  # bytes


def warn_of_copies(train: Split, val: Split, test: Split) -> None:
    """Says how many images to validate or test on are among those trained on, and how many of these are of two classes.

    Only files of equal sizes are read.
    """
    if twice := _of_two_classes(train):
        one, other = twice[0]
        log.warning(
            f"{len(twice):,} training images are of two classes, byte by byte: {printable(one)} and "
            f"{printable(other)}; a network cannot learn both"
        )
    for name, held_out in (("val", val), ("test", test)):
        copies = _copies(train, held_out)
        if copies:
            one, other = copies[0]
            log.warning(
                f"{len(copies):,} {name} images are training images, too, byte by byte: {printable(other)} is "
                f"{printable(one)}; what is measured of them is not of new images"
            )


def _copies(train: Split, held_out: Split) -> list[tuple[str, str]]:
    """Pairs of a training image and an equal one that is held out, at most one for each of the second."""
    by_size: dict[int, list[str]] = defaultdict(list)
    for path in _paths(train):
        by_size[_size(path)].append(path)
    digests: dict[int, dict[bytes, str]] = {}
    found = []
    for path in _paths(held_out):
        size = _size(path)
        if size < 1 or size not in by_size:
            continue
        if size not in digests:
            digests[size] = {_digest(other): other for other in by_size[size]}
        if (other := digests[size].get(_digest(path))) is not None:
            found.append((other, path))
    return found


def _of_two_classes(train: Split) -> list[tuple[str, str]]:
    """Pairs of equal training images of different classes, at most one for each of the second."""
    by_size: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for name, paths in train.images.items():
        for path in paths:
            by_size[_size(path)].append((name, path))
    found = []
    for size, alike in by_size.items():
        if size < 1 or len({name for name, _ in alike}) < 2:
            continue
        first: dict[bytes, tuple[str, str]] = {}
        for name, path in alike:
            other, earlier = first.setdefault(_digest(path), (name, path))
            if other != name:
                found.append((earlier, path))
    return found


def _paths(split: Split) -> list[str]:
    return [path for paths in split.images.values() for path in paths]


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
