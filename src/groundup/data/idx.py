"""The IDX format, in which MNIST is published: a header of the type, the number of axes and their lengths, then values.

Source: Y. LeCun, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib
from pathlib import Path

_BYTES = {0x08: 1, 0x09: 1, 0x0B: 2, 0x0C: 4, 0x0D: 4, 0x0E: 8}  # a value, by type
_LARGEST = 1 << 30  # bytes that are looked at
_CHUNK = 1 << 20


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
