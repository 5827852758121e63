"""Files that hold images as numbers: `.npz`, CSV with a row for each image, and IDX as of MNIST. No torch."""

from __future__ import annotations

import math
import os
import stat
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundup.data.array_csv import read_csv
from groundup.data.array_idx import array_of, find_idx, header_of
from groundup.data.classes import listed
from groundup.data.idx import shape_of
from groundup.errors import UserError
from groundup.printable import printable

ACCEPTED = (
    "a .npz, a CSV (.csv, .csv.gz), an IDX file of training images (train-images-idx3-ubyte), or a folder of these"
)
_LARGEST = 1 << 30  # bytes of labels, which are read before it is known whether the images fit in memory
_SPLITS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
_NPZ = "x_train, y_train, x_test, y_test; or train_images, train_labels, test_images, test_labels; or x, y"


@dataclass(frozen=True)
class Stored:
    """A split as it lies in its files.

    Attributes:
        where: it is, to begin a message.
        shape: of the images, whole.
        dtype: of them.
        load: reads the images.
        labels: of them, whole.
        files: that all of it lies in.
    """

    where: str
    shape: tuple[int, ...]
    dtype: np.dtype
    load: Callable[[], NDArray[Any]]
    labels: NDArray[Any]
    files: tuple[Path, ...]


def open_arrays(file: Path, test_file: Path | None, label_column: str | int | None) -> dict[str, Stored]:
    """The splits of one or two files: `train`, and `val` and `test` where they are there. Labels are read.

    Args:
        file: of the training images, and of the others where it has them; of IDX files a folder, too.
        test_file: of the test images, where these lie in a file of their own.
        label_column: of a CSV.

    Raises:
        UserError: there are no such files, or they cannot be read.
    """
    found = _open(file, "data.file", label_column)
    if "train" not in found:
        raise UserError(f"data.file={file}: it has images to test on alone; accepted: {_NPZ}")
    if test_file is None:
        return found
    if "test" in found:
        raise UserError(f"data.test_file={test_file}: data.file={file} has test images itself; accepted: null")
    tests = _open(test_file, "data.test_file", label_column)
    return found | {"test": tests.get("test") or tests["train"]}


def _open(file: Path, key: str, label_column: str | int | None) -> dict[str, Stored]:
    where = f"{key}={file}"
    try:
        there = os.stat(file)
        if stat.S_ISDIR(there.st_mode):
            return _idx(file, where)
        if not stat.S_ISREG(there.st_mode):
            raise UserError(f"{where}: no file; accepted: {ACCEPTED}")
        is_csv = file.name.lower().endswith((".csv", ".csv.gz", ".txt", ".tsv"))
        if label_column is not None and not is_csv:
            raise UserError(f"data.label_column={label_column} with {where}: a column is of a CSV; accepted: null")
        if zipfile.is_zipfile(file):
            return _npz(file, where)
        if file.name.lower().endswith(".npz"):
            raise UserError(f"{where}: is {'empty' if not there.st_size else 'damaged, or no .npz'}")
        if shape_of(file) is not None:
            return _idx(file, where)
        if is_csv:
            return _csv(file, where, label_column)
    except OSError as error:
        raise UserError(f"{where}: cannot be read: {error.strerror or error}; accepted: {ACCEPTED}") from error
    raise UserError(f"{where}: accepted: {ACCEPTED}")


def _npz(file: Path, where: str) -> dict[str, Stored]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            keys = list(arrays.files)
    except (ValueError, zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{where}: cannot be read: {error}") from error
    pairs = _pairs(keys)
    if not {"train", "test"} & pairs.keys():
        raise UserError(f"{where}: its arrays are called {listed(keys) or '(none)'}; accepted: {_NPZ}")
    return {split: _of_npz(file, *names, where) for split, names in pairs.items()}


def _pairs(keys: list[str]) -> dict[str, tuple[str, str]]:
    """Of each split what its images and its labels are called: as Keras does, or MedMNIST, in any case."""
    called = {key.casefold(): key for key in keys}
    if len(called) < len(keys):  # which of two is meant?
        return {}
    found = {}
    for split, words in _SPLITS.items():
        styles = [
            style for word in words for style in ((f"x_{word}", f"y_{word}"), (f"{word}_images", f"{word}_labels"))
        ]
        styles += [("x", "y"), ("images", "labels")] if split == "train" else []
        there = [style for style in styles if any(name in called for name in style)]
        if len(there) == 1 and all(name in called for name in there[0]):
            found[split] = (called[there[0][0]], called[there[0][1]])
        elif there:  # half of a pair, or two
            return {}
    return found


def _of_npz(file: Path, images: str, labels: str, where: str) -> Stored:
    of_images, of_labels = (f"{where}, {printable(name)}" for name in (images, labels))
    shape, dtype = _header(file, images, of_images)
    labels_shape, labels_dtype = _header(file, labels, of_labels)
    if labels_dtype.itemsize * math.prod(labels_shape) > _LARGEST:
        raise UserError(f"{of_labels}: labels of more than {_LARGEST:,} bytes; accepted: one for each image")
    return Stored(
        of_images, shape, dtype, lambda: _array(file, images, of_images), _array(file, labels, of_labels), (file,)
    )


def _header(file: Path, name: str, where: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of an array, which is as long as its header says: no more memory is taken than is in the file."""
    with zipfile.ZipFile(file) as archive:
        member = name if name in archive.namelist() else f"{name}.npy"
        with archive.open(member) as content:
            version = np.lib.format.read_magic(content)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(content)
            rest = archive.getinfo(member).file_size - content.tell()
    if dtype.hasobject:
        raise UserError(f"{where}: an array of Python objects, which could hold code; accepted: numbers or text")
    if rest != dtype.itemsize * math.prod(shape):
        raise UserError(f"{where}: is damaged: its header does not tell its length")
    return shape, dtype


def _array(file: Path, name: str, where: str) -> NDArray[Any]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return arrays[name]
    except (ValueError, zipfile.BadZipFile, OSError, EOFError) as error:
        raise UserError(f"{where}: cannot be read: {error}") from error


def _csv(file: Path, where: str, label_column: str | int | None) -> dict[str, Stored]:
    pixels, labels = read_csv(file, where, label_column)
    return {"train": Stored(where, pixels.shape, pixels.dtype, lambda: pixels, labels, (file,))}


def _idx(file: Path, where: str) -> dict[str, Stored]:
    return {split: _of_idx(pair, where) for split, pair in find_idx(file, where).items()}


def _of_idx(pair: Mapping[str, Path], where: str) -> Stored:
    images, labels = pair["images"], pair["labels"]
    shape, dtype = header_of(images)
    where = f"{where}, {printable(images.name)}"
    return Stored(where, shape, dtype, lambda: array_of(images), array_of(labels), (images, labels))
