"""Image files as pixels: decoded, or as they were decoded before. Of each the SHA-256 is known afterwards."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import threading
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from groundup.data.image_cache import SMALL, ImageCache, cache_folder
from groundup.data.images import Decoded, Manner, decode

log = logging.getLogger(__name__)

_MOST, _AT_ONCE = 64, 1 << 26  # images, and bytes of their pixels, that are added to a cache together
_LARGEST = 1 << 28  # bytes of a file that is held in memory


class Reader:
    """Reads image files of one size in one manner.

    Args:
        shape: channels, height and width.
        manner: how they are decoded.
        cache: `auto`, a folder, or None for none, see `cache_folder`.
    """

    def __init__(self, shape: tuple[int, int, int], manner: Manner, cache: str | None = None):
        folder = cache_folder(cache)
        self.shape, self.manner = shape, manner
        self.cache = ImageCache(folder, shape, manner) if folder is not None else None
        self.digests: dict[str, bytes] = {}  # by path
        self._found = self._decoded = 0
        self._waiting: list[tuple[bytes, NDArray]] = []
        self._lock = threading.Lock()

    def read(self, path: str) -> Decoded:
        """The pixels of a file; called by several threads.

        Raises:
            UserError: as `decode`.
        """
        content = _content(path)
        if content is None:
            return self._decode(path, None)
        key = hashlib.sha256(content).digest()
        self.digests[path] = key
        pixels = self.cache.get(key) if self.cache is not None else None
        if pixels is not None:
            self._found += 1
            return Decoded(torch.from_numpy(pixels), None)
        decoded = self._decode(path, content)
        if self.cache is not None and decoded.doubt is None and len(content) >= SMALL:  # a doubt is said each time
            self._keep(key, decoded.pixels.numpy())
        return decoded

    def flush(self) -> None:
        """Adds to the cache what waits for it; a cache that cannot be written is done without."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        if self.cache is None or not waiting:
            return
        try:
            self.cache.add(waiting)
        except OSError as error:
            why = error.strerror or error
            log.warning(f"data.cache: {self.cache.file} cannot be written ({why}): images are not kept")
            self.cache = None

    def tell(self, count: int) -> None:
        """Says how many images came from the cache, how large it is and how it is cleared, where it is used."""
        if self.cache is None or self.cache.size == 0 or not (self._found or self._decoded):
            return
        log.info(
            f"data.cache: {self._found:,} of {count:,} images as they were decoded before; "
            f"{self.cache.size / 2**20:,.0f} MiB in {self.cache.file}; to clear it, delete the file"
        )

    def __getstate__(self) -> dict[str, Any]:
        """For a process that reads images."""
        return {key: self.__dict__[key] for key in ("shape", "manner", "cache")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["shape"], state["manner"])  # type: ignore[misc]
        self.cache = state["cache"]

    def _decode(self, path: str, content: bytes | None) -> Decoded:
        channels, *size = self.shape
        return decode(path, channels, (size[0], size[1]), manner=self.manner, content=content)

    def _keep(self, key: bytes, pixels: NDArray) -> None:
        with self._lock:
            self._decoded += 1
            self._waiting.append((key, pixels))
            is_enough = len(self._waiting) >= min(_MOST, max(1, _AT_ONCE // pixels.nbytes))
        if is_enough:
            self.flush()


def _content(path: str) -> bytes | None:
    """All bytes of a file; None of what is none, cannot be read or is too large, of which the decoder speaks."""
    try:
        there = os.stat(path)
        return Path(path).read_bytes() if stat.S_ISREG(there.st_mode) and there.st_size <= _LARGEST else None
    except OSError:
        return None


def digest_of(path: str) -> bytes:
    """The SHA-256 of a file; of one that cannot be read something that nothing else has."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return hashlib.sha256(os.fsencode(path)).digest()
