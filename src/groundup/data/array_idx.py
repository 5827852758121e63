"""IDX files of one's own, under any of the usual names, plain or packed by gzip. No torch.

Source of the format: Y. LeCun, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import gzip
import math
import os
import re
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from groundup.data.classes import listed
from groundup.data.idx import shape_of
from groundup.errors import UserError
from groundup.printable import printable

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_SPLITS = {"train": "train", "t10k": "test", "test": "test", "val": "val", "valid": "val", "validation": "val"}
# train-images-idx3-ubyte, train-images.idx3-ubyte, emnist-letters-test-labels-idx1-ubyte.gz, train_images.idx, ...
_NAME = re.compile(
    rf"(?P<set>.*?)(?P<split>{'|'.join(sorted(_SPLITS, key=len, reverse=True))})[-_.]?(?P<what>images?|imgs?|labels?)"
    r"([-_.]idx\d?)?([-_.]ubyte)?(\.idx|\.bin)?(\.gz)?",
    re.IGNORECASE,
)
_ACCEPTED = "train-images-idx3-ubyte and train-labels-idx1-ubyte, and t10k-images… and t10k-labels… of the test, or .gz"


def find_idx(file: Path, where: str) -> dict[str, dict[str, Path]]:
    """By split, the files of `images` and `labels` in a folder, or those that go with one that is named itself.

    Raises:
        UserError: the folder has none, those of several sets, or a file without its other half.
    """
    folder = file if file.is_dir() else file.parent
    sets = _sets_in(folder)
    if folder != file:
        matched = _NAME.fullmatch(file.name)
        sets = {name: found for name, found in sets.items() if matched and name == matched["set"].casefold()}
        if not sets:
            raise UserError(f"{where}: its name does not say whose images it has; accepted: {_ACCEPTED}")
    if len(sets) != 1:
        more = f"IDX files of several sets: {listed(sorted(sets))}; accepted: one of their files" if sets else ""
        raise UserError(f"{where}: {more or f'no IDX files there; accepted: {_ACCEPTED}'}")
    found = next(iter(sets.values()))
    for split, pair in found.items():
        if missing := {"images", "labels"} - pair.keys():
            raise UserError(f"{where}: no {', '.join(missing)} of {split}; accepted: {_ACCEPTED}")
    if "train" not in found:
        raise UserError(f"{where}: no training images; accepted: {_ACCEPTED}")
    return found


def _sets_in(folder: Path) -> dict[str, dict[str, dict[str, Path]]]:
    """By what names begin with, by split, by kind; a plain file goes before a packed one of the same name."""
    sets: dict[str, dict[str, dict[str, Path]]] = {}
    for name in sorted(os.listdir(folder), key=lambda name: (name.endswith(".gz"), name)):
        matched = _NAME.fullmatch(name)
        if matched and (folder / name).is_file():
            split, what = _SPLITS[matched["split"].lower()], matched["what"].lower()
            kind = "labels" if what.startswith("label") else "images"
            pair = sets.setdefault(matched["set"].casefold(), {}).setdefault(split, {})
            there = pair.setdefault(kind, folder / name)
            if there.name.removesuffix(".gz") != name.removesuffix(".gz"):
                raise UserError(f"{folder}: {there.name} and {name} are both {kind} of {split}; accepted: one of them")
    return sets


def header_of(path: Path) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of the values of a whole IDX file.

    Raises:
        UserError: it is none.
    """
    if shape_of(path) is None:
        raise UserError(f"{printable(str(path))}: no IDX file, or a part of one")
    with _opened(path) as file:
        return _header(file)


def array_of(path: Path) -> NDArray[Any]:
    """The values of a whole IDX file.

    Raises:
        UserError: it is none.
    """
    header_of(path)
    with _opened(path) as file:
        shape, dtype = _header(file)
        values = np.empty(math.prod(shape), dtype)
        file.readinto(values.view(np.uint8))  # type: ignore[attr-defined]
    return values.astype(dtype.newbyteorder("="), copy=False).reshape(shape)


def _opened(path: Path) -> Any:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if packed else path.open("rb")


def _header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype]:
    _, kind, axes = struct.unpack(">HBB", file.read(4))
    return struct.unpack(f">{axes}I", file.read(4 * axes)), np.dtype(_TYPES[kind])
