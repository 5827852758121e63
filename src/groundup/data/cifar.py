"""Reads the pickles in which CIFAR is published, without running code in them. Imports NumPy only when it reads.

Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groundup.data.archive import Archive
from groundup.errors import UserError

SERVERS = ("https://www.cs.toronto.edu/~kriz/",)


def archive(filename: str, md5: str, size: int, unpacked: int, folder: str, md5s: Mapping[str, str]) -> Archive:
    """A published archive of batches; `md5s`: of the files in its `folder`."""
    return Archive(filename, md5, size, unpacked, SERVERS, "", {f"{folder}/{name}": md5s[name] for name in md5s})


def read_batches(files: Sequence[Path], labels: str) -> tuple[Any, Any]:
    """Images `(N, 3, 32, 32)` of uint8 and labels `(N,)` of int64 of some files; `labels`: what these are called there.

    Raises:
        UserError: a file holds more than arrays, lists, numbers and text.
    """
    import numpy as np

    batches = [_ArraysOnly(io.BytesIO(file.read_bytes()), encoding="latin1").load() for file in files]
    pixels = np.concatenate([batch["data"] for batch in batches])  # of an image 1,024 red values, then green, then blue
    return pixels.reshape(-1, 3, 32, 32), np.concatenate([batch[labels] for batch in batches]).astype(np.int64)


class _ArraysOnly(pickle.Unpickler):
    """Unpickles built-in containers and NumPy arrays, and nothing that could run code."""

    _MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
    _NAMES = ("_reconstruct", "ndarray", "dtype")

    def find_class(self, module: str, name: str) -> Any:
        if module in self._MODULES and name in self._NAMES:
            return super().find_class(module, name)
        raise UserError(f"a data file asks for {module}.{name}: refused; accepted: arrays, lists, numbers and text")
