"""Images that were decoded and resized before, in a file beside others: told by the content of their files alone.

A file of the cache has images of one size, made in one manner by one version of all that makes pixels. It only grows,
by whole records: the SHA-256 of an image file, a checksum, the pixels. What a killed process or a full disk leaves of a
record is cut off, and what does not fit its checksum is not used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import threading
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image, features

from groundup.data.images import Manner
from groundup.paths import user_cache

log = logging.getLogger(__name__)

SMALL = 1 << 15  # bytes: an image file below is decoded as quickly as it is looked up
_KEY, _CHECK = 32, 8  # bytes
_SPARE = 2 << 30  # bytes of the disk that are left to others, and a tenth of it at least


def cache_folder(said: str | None) -> Path | None:
    """The folder that `data.cache` means: `auto` is in the user's cache; None where there shall be none."""
    if said is None:
        return None
    return user_cache() / "groundup" / "images" if said == "auto" else Path(said).expanduser()


class ImageCache:
    """The images of one size and manner.

    Args:
        folder: of all caches; made when something is added.
        shape: channels, height and width.
        manner: how they are decoded.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int], manner: Manner):
        self.shape, self.folder = shape, folder
        self.file = folder / f"{'x'.join(map(str, shape))}-{_version(manner)}.images"
        self._length = _KEY + _CHECK + int(np.prod(shape))
        self._records: Any = None  # (n, length) of uint8
        self._places: dict[bytes, int] = {}
        self._lock = threading.Lock()
        self._look()

    def get(self, key: bytes) -> NDArray[np.uint8] | None:
        """The pixels that a file of this SHA-256 was decoded to; None where they are not there, or damaged."""
        place = self._places.get(key)
        if place is None:
            return None
        records = self._records  # another thread may take up those of a new file
        if records is None or place >= len(records):
            return None
        record = records[place]
        pixels = np.array(record[_KEY + _CHECK :])
        return pixels.reshape(self.shape) if record[_KEY : _KEY + _CHECK].tobytes() == _check(key, pixels) else None

    def add(self, images: Sequence[tuple[bytes, NDArray[np.uint8]]]) -> int:
        """Adds what is not there yet, and gives how many these were. Of several processes one writes at a time.

        Raises:
            OSError: it cannot be written, or the disk would be full; what was there stays.
        """
        with self._lock:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.file.with_suffix(".lock")), open(self.file, "ab", buffering=0) as file:
                file.truncate(file.tell() // self._length * self._length)
                self._look()
                new = {key: pixels for key, pixels in images if self.get(key) is None}
                self._refuse_full_disk(len(new) * self._length)
                end = file.seek(0, os.SEEK_END)
                try:
                    for key, pixels in new.items():
                        _write(file, key + _check(key, pixels) + pixels.tobytes())
                except OSError:
                    os.ftruncate(file.fileno(), end)
                    raise
            self._look()
        return len(new)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        try:
            return self.file.stat().st_size
        except OSError:
            return 0

    def _look(self) -> None:
        """Takes up what has been added since."""
        count = self.size // self._length
        known = 0 if self._records is None else len(self._records)
        if count < known:  # it was deleted
            self._places, known = {}, 0
        if count == 0:
            self._records = None
        elif count != known or self._records is None:
            try:
                self._records = np.memmap(self.file, np.uint8, "r", shape=(count, self._length))
            except OSError as error:  # somebody else's, say: images are decoded then
                log.warning(f"data.cache: {self.file}: cannot be read: {error.strerror or error}")
                self._records, self._places = None, {}
                return
            for place in range(known, count):
                self._places[self._records[place, :_KEY].tobytes()] = place

    def _refuse_full_disk(self, needed: int) -> None:
        disk = shutil.disk_usage(self.folder)
        if disk.free - needed < max(_SPARE, disk.total // 10):
            raise OSError(f"{disk.free / 2**30:.1f} GiB are free on its disk, a tenth and 2 GiB of which are left free")

    def __getstate__(self) -> dict[str, Any]:
        """For a process that reads images: it looks for itself."""
        return {"folder": self.folder, "shape": self.shape, "file": self.file, "_length": self._length}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state | {"_records": None, "_places": {}, "_lock": threading.Lock()}
        self._look()


def _write(file: FileIO, content: bytes) -> None:
    """All of it: on a disk that gets full, a part may be written and nothing raised."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def _check(key: bytes, pixels: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(pixels.tobytes(), digest_size=_CHECK, key=key).digest()


def _version(manner: Manner) -> str:
    """Changes with everything that changes pixels: keys of the config, decoders, our own code."""
    decoders = {name: features.version(name) for name in ("jpg", "jpg_2000", "zlib", "libtiff", "webp", "avif")}
    heif = version("pillow_heif") if find_spec("pillow_heif") is not None else None
    code = hashlib.sha256(Path(__file__).with_name("images.py").read_bytes()).hexdigest()
    everything = [asdict(manner), Image.__version__, features.version("libjpeg_turbo"), decoders, heif, code]
    return hashlib.sha256(json.dumps(everything, sort_keys=True, default=list).encode()).hexdigest()[:16]
