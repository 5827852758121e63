"""Whether a file is an image, by its first bytes: names lie, or say nothing. Imports the standard library alone."""

from __future__ import annotations

import os
import stat

_BEGINNINGS = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",  # JPEG
    b"GIF87a",
    b"GIF89a",
    b"II*\0",  # TIFF
    b"MM\0*",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n",  # JPEG 2000
    b"\xff\x4f\xff\x51",
    b"qoif",
    b"8BPS\x00\x01",  # Photoshop
)
_AVIF = (b"avif", b"avis")
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
ENOUGH = 16  # bytes


def is_image(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as images do; False for what is no file. PPM is told by its name alone."""
    return begins_as_image(beginning(path))


def beginning(path: str | os.PathLike[str]) -> bytes:
    """The first bytes of a file; none of what is no file (a pipe would keep its reader waiting), or cannot be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return b""
        with open(path, "rb") as file:
            return file.read(ENOUGH)
    except OSError:
        return b""


def begins_as_image(content: bytes) -> bool:
    """Whether the first 16 bytes of a file are an image's."""
    bitmap = content[:2] == b"BM" and content[6:10] == bytes(4) and len(content) == ENOUGH  # words may begin so, too
    webp = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    boxed = content[4:8] == b"ftyp" and content[8:12] in _AVIF + _HEIF
    return content.startswith(_BEGINNINGS) or bitmap or webp or boxed


def begins_as_heif(content: bytes) -> bool:
    """Whether the first 16 bytes of a file are those of a phone's HEIC, or another HEIF."""
    return content[4:8] == b"ftyp" and content[8:12] in _HEIF
