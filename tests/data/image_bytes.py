"""Image files written byte by byte, with no library that could share a reader's mistakes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping


def png(size: tuple[int, int], depth: int, colour: int, pixels: bytes, **chunks: bytes) -> bytes:
    """A PNG of (width, height), `pixels` as rows without filter; further chunks by name come before the pixels."""
    rows = len(pixels) // size[1]
    filtered = b"".join(b"\0" + pixels[start : start + rows] for start in range(0, len(pixels), rows))
    parts = {"IHDR": struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0), **chunks}
    parts |= {"IDAT": zlib.compress(filtered), "IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name.encode(), data) for name, data in parts.items())


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def tiff(size: tuple[int, int], bits: tuple[int, ...], photometric: int, pixels: bytes, **more: int) -> bytes:
    """A little-endian TIFF of one strip; `more` are `extra_samples`, `sample_format`, `orientation`, `largest`."""
    names = {"extra_samples": 338, "sample_format": 339, "orientation": 274, "largest": 281}
    tags: dict[int, tuple[int, ...]] = {256: size[:1], 257: size[1:], 258: bits, 259: (1,), 262: (photometric,)}
    tags |= {273: (8,), 277: (len(bits),), 278: size[1:], 279: (len(pixels),)}
    tags |= {names[name]: (value,) for name, value in more.items()}
    if photometric == 3:
        tags[320] = tuple(257 * value for value in PALETTE)
    directory = 8 + len(pixels) + len(pixels) % 2
    return struct.pack("<2sHI", b"II", 42, directory) + pixels.ljust(directory - 8, b"\0") + _ifd(tags, directory)


PALETTE = tuple(range(256)) + (0,) * 256 + tuple(range(255, -1, -1))  # colour i is red i, green 0, blue 255 - i


def _ifd(tags: Mapping[int, tuple[int, ...]], start: int, kind: int = 3) -> bytes:
    """A directory of values of 16 bits, which lies at `start` of its file."""
    entries, behind = b"", b""
    for tag, values in sorted(tags.items()):
        data = struct.pack(f"<{len(values)}H", *values)
        if len(data) > 4:
            place = start + 2 + 12 * len(tags) + 4 + len(behind)
            behind += data
            data = struct.pack("<I", place)
        entries += struct.pack("<HHI", tag, kind, len(values)) + data.ljust(4, b"\0")
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0) + behind


def exif(orientation: int, *odd: bytes) -> bytes:
    """EXIF data of an orientation and of odd entries of 12 bytes, as `Image.save(exif=)` takes it."""
    entries = [struct.pack("<HHIHH", 274, 3, 1, orientation, 0), *odd]
    directory = struct.pack("<H", len(entries)) + b"".join(sorted(entries)) + struct.pack("<I", 0)
    return b"Exif\0\0" + struct.pack("<2sHI", b"II", 42, 8) + directory
