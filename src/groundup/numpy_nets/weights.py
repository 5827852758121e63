"""Weights on disk: a `.npz` file, the arrays of `net.params` and `net.buffers` by their names."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path
from zipfile import is_zipfile

import numpy as np

from groundup.numpy_nets.layer import Array, InputError, Layer


def save(net: Layer, path: str | PathLike[str]) -> None:
    """Writes weights and buffers. A file that was there is replaced once the new one is whole."""
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            np.savez(file, **_arrays(net))  # type: ignore[arg-type]
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def load(net: Layer, path: str | PathLike[str]) -> None:
    """Reads what `save` wrote into the arrays of the same network, in place; nothing is changed if it does not fit.

    Raises:
        FileNotFoundError: no such file.
        InputError: a damaged file, or one of another network: the first array that differs, expected and given.
    """
    path, mine = Path(path), _arrays(net)
    try:
        given = _read(path)
    except OSError:
        raise
    except Exception as error:  # whatever zip, zlib and NumPy say of bytes that are no such file
        raise InputError(f"{path}: expected a whole .npz file of plain arrays: {error}") from error
    _compare(path, mine, given)
    for name, array in mine.items():
        array[...] = given[name]


def _arrays(net: Layer) -> dict[str, Array]:
    return net.params | net.buffers


def _read(path: Path) -> dict[str, Array]:
    with path.open("rb") as file:
        if not is_zipfile(file):
            raise ValueError("it is no .npz file, or not all of it is there")
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            given = {name: arrays[name] for name in arrays.files}
    if strange := [name for name, array in given.items() if not isinstance(array, np.ndarray)]:
        raise ValueError(f"'{strange[0]}' is no array")
    return given


def _compare(path: Path, expected: dict[str, Array], given: dict[str, Array]) -> None:
    for name, array in expected.items():
        if name not in given:
            raise InputError(f"{path}: expected '{name}' {_kind(array)}, given no array of this name")
        if _kind(given[name]) != _kind(array):
            raise InputError(f"{path}: expected '{name}' {_kind(array)}, given {_kind(given[name])}")
    for name, array in given.items():
        if name not in expected:
            raise InputError(f"{path}: expected no array '{name}', given one {_kind(array)}")


def _kind(array: Array) -> str:
    return f"of shape {array.shape} and {array.dtype}"
