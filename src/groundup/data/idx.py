"""The IDX format, in which MNIST is published: a header of the type, the number of axes and their lengths, then values.

Source: Y. LeCun, "The MNIST database of handwritten digits". Imports no NumPy before values are read.
"""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groundup.data.archive import Archive

_SPLITS = {"train": "train", "test": "t10k"}
# 60,000 and 10,000 images of 28 x 28 pixels after a header of 16 bytes, their labels after one of 8
_SIZES = {"train-images": 47040016, "train-labels": 60008, "t10k-images": 7840016, "t10k-labels": 10008}
_BYTES = {0x08: 1, 0x09: 1, 0x0B: 2, 0x0C: 4, 0x0D: 4, 0x0E: 8}  # a value, by type
_LARGEST = 1 << 30  # bytes that are looked at
_CHUNK = 1 << 20


def archives(
    folder: str, servers: tuple[str, ...], files: Mapping[str, tuple[str, int, str | None]]
) -> tuple[Archive, ...]:
    """The archives of a data set that is published as MNIST is.

    Args:
        folder: of its files, below the data root.
        servers: that have the archives.
        files: by kind, `train-images` and so on: MD5 and bytes of the archive, and the MD5 of the file it unpacks to,
            None where that is not known.
    """
    return tuple(
        Archive(
            *(f"{_file(kind)}.gz", md5, size, _SIZES[kind], servers, folder),
            members={f"{folder}/{_file(kind)}": unpacked or _SIZES[kind]},
        )
        for kind, (md5, size, unpacked) in files.items()
    )


def read_split(folder: str, root: Path, split: str) -> tuple[Any, Any]:
    """Images `(N, 1, H, W)` of uint8 and labels `(N,)` of int64 of a data set that is published as MNIST is."""
    images, labels = (read_bytes(root / folder / _file(f"{_SPLITS[split]}-{what}")) for what in ("images", "labels"))
    return images[:, None], labels.astype("int64")


def read_bytes(path: Path) -> Any:
    """The values of a whole, unpacked IDX file of uint8, as an array."""
    import numpy as np

    content = bytearray(path.read_bytes())  # which an array may write in, as torch wants it
    axes = content[3]
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(struct.unpack_from(f">{axes}I", content, 4))


def _file(kind: str) -> str:
    return f"{kind}-idx{3 if kind.endswith('images') else 1}-ubyte"


def shape_of(path: Path) -> tuple[int, ...] | None:
    """The lengths of the axes of a whole IDX file, plain or packed by gzip; None of any other file, or a part of one.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else path.open("rb") as content:
            return _shape(content)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return None


def _shape(file: io.BufferedIOBase) -> tuple[int, ...] | None:
    zeros, kind, axes = struct.unpack(">HBB", file.read(4).ljust(4, b"\xff"))
    lengths = file.read(4 * axes)
    if zeros != 0 or kind not in _BYTES or axes == 0 or len(lengths) < 4 * axes:
        return None
    shape = struct.unpack(f">{axes}I", lengths)
    expected = math.prod(shape) * _BYTES[kind]
    return shape if expected <= _LARGEST and _rest(file, expected) == expected else None


def _rest(file: io.BufferedIOBase, enough: int) -> int:
    """How many bytes are left in a file, or more than enough."""
    count = 0
    while count <= enough and (part := file.read(_CHUNK)):
        count += len(part)
    return count
