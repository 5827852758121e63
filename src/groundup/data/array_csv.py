"""CSV files with a row of pixels and a label for each image, such as Kaggle's of digits. No torch."""

from __future__ import annotations

import csv
import gzip
import logging
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from groundup.data.classes import listed
from groundup.data.table import USUAL_LABELS, USUAL_SPLITS
from groundup.errors import UserError
from groundup.printable import printable

log = logging.getLogger(__name__)

_PIXEL = re.compile(r"(?:pixel|px|p|x)?[ _]?(\d+)(?:x(\d+))?", re.IGNORECASE)  # pixel0, or 1x1
_LABEL = 64  # characters
_LONGEST = 1 << 24  # characters of a line that is looked at


def read_csv(file: Path, where: str, label_column: str | int | None) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """The pixels `(N, P)` and the labels `(N,)`, as text, of a CSV with or without a header.

    Args:
        file: plain, or packed by gzip.
        where: it is, to begin a message.
        label_column: its name, or of a file without a header its number, from 0, -1 for the last; None takes the one
            of a usual name.

    Raises:
        UserError: it cannot be read, or it is not told which column has the labels.
    """
    try:
        with _opened(file) as lines:
            first, second = (lines.readline(_LONGEST) for _ in range(2))
        delimiter = max(",;\t", key=first.count)
        header = next(csv.reader([first], delimiter=delimiter), [])
        if not header:
            raise UserError(f"{where}: it is empty; accepted: a row for each image")
        names = [name.strip() for name in header] if _is_header(header, label_column) else None
        label, pixels = _columns(names, len(header), label_column, where)
        if not second.strip() and names is not None:
            raise UserError(f"{where}: no rows; accepted: a row for each image")
        if names is not None:
            _say_what_is_not_read(names, {label, *pixels}, where)
        return _table(file, delimiter, len(header), names is not None, label, pixels, where)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{where}: cannot be read: {error}") from error


def _is_header(cells: Sequence[str], label_column: str | int | None) -> bool:
    """Whether the first row has names: 0, 1, 2 … are such, and the label of an image may be text."""
    if [cell.strip() for cell in cells] == [str(number) for number in range(len(cells))]:
        return True
    text = [number for number, cell in enumerate(cells) if not _is_number(cell)]
    is_place = re.fullmatch(r"-?\d+", str(label_column)) is not None
    return bool(text) and not (is_place and text == [int(str(label_column)) % len(cells)])


def _opened(file: Path) -> TextIO:
    with file.open("rb") as content:
        packed = content.read(2) == b"\x1f\x8b"
    opened: TextIO = (gzip.open if packed else open)(file, "rt", encoding="utf-8-sig", newline="")  # type: ignore[operator]
    return opened


def _columns(names: list[str] | None, count: int, said: str | int | None, where: str) -> tuple[int, list[int]]:
    """Which column has the labels, and which have the pixels, in order."""
    if names is None:
        label = _of_number(count, said, where)
        return label, [column for column in range(count) if column != label]
    label = _of_name(names, said, where)
    pixels = [column for column in range(count) if column != label]
    numbers = {column: _PIXEL.fullmatch(names[column]) for column in pixels}
    numbered = [column for column in pixels if numbers[column] is not None]
    if len(numbered) * 2 > len(pixels):  # others, such as an id, are no pixels
        pixels = numbered
        order = [tuple(int(part) for part in found.groups(default="0")) for c in pixels if (found := numbers[c])]
        if order != sorted(order):
            raise UserError(
                f"{where}: its pixels are not in order, row by row; accepted: pixel0, pixel1, … or 1x1, 1x2, …"
            )
    return label, pixels


def _say_what_is_not_read(names: Sequence[str], read: Collection[int], where: str) -> None:
    """Other columns are left alone, but for one that says which images are for the test.

    Raises:
        UserError: there is such a column.
    """
    others = [name for number, name in enumerate(names) if number not in read]
    if splits := [name for name in others if name.casefold() in USUAL_SPLITS]:
        raise UserError(
            f"{where}: its column {printable(splits[0])} is not read; accepted: a file without it for the images to "
            "train on, and data.test_file for those of the test"
        )
    if others:
        log.info(f"{where}: columns that are not read: {listed(others)}")


def _of_name(names: Sequence[str], said: str | int | None, where: str) -> int:
    if said is not None and str(said) in names:
        return names.index(str(said))
    usual = [number for number, name in enumerate(names) if name.casefold() in USUAL_LABELS]
    if said is None and len(usual) == 1:
        return usual[0]
    if said is None and not usual and all(map(_PIXEL.fullmatch, names)):
        raise UserError(
            f"{where}: it has pixels and no labels, so nothing can be learnt from it; accepted: a file with both"
        )
    raise UserError(
        f"{where} with data.label_column={'null' if said is None else said}: accepted: one of {listed(names)}"
    )


def _of_number(count: int, said: str | int | None, where: str) -> int:
    number = int(said) if said is not None and re.fullmatch(r"-?\d+", str(said)) else None
    if number is None or not -count <= number < count:
        given = "null" if said is None else printable(str(said))
        raise UserError(
            f"{where} with data.label_column={given}: it has no header; accepted: "
            f"the number of its column of labels, 0 for the first of {count}, -1 for the last"
        )
    return number % count


def _table(
    file: Path, delimiter: str, cells: int, has_header: bool, label: int, pixels: Sequence[int], where: str
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    converters: dict[int | str, Callable[[str], Any]] = {label: _short}
    dtype = np.dtype([("label", f"U{_LABEL}"), *((f"p{column}", np.float32) for column in pixels)])
    with _opened(file) as lines, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of an empty file, which is told in other words
        try:
            table = np.loadtxt(
                _of_one_length(lines, delimiter, cells, where),
                dtype,
                delimiter=delimiter,
                comments=None,
                skiprows=int(has_header),
                usecols=(label, *pixels),
                converters=converters,
                quotechar='"',
                ndmin=1,
            )
        except ValueError as error:
            said = re.sub(r"at row (\d+)", lambda row: f"in line {int(row[1]) + 1 + has_header}", str(error).strip("."))
            raise UserError(f"{where}: {said}; accepted: a number in every column of pixels") from error
    values = table.view(np.dtype([("label", f"U{_LABEL}"), ("pixels", np.float32, len(pixels))]))
    return np.ascontiguousarray(values["pixels"]), values["label"].copy()


def _of_one_length(lines: Iterable[str], delimiter: str, cells: int, where: str) -> Iterator[str]:
    """The lines of a table, of which numpy would read the first cells only.

    Raises:
        UserError: a line has more cells than the first, or fewer.
    """
    for number, line in enumerate(lines, start=1):
        count = len(next(csv.reader([line], delimiter=delimiter), [])) if '"' in line else line.count(delimiter) + 1
        if count != cells and line.strip():
            raise UserError(f"{where}: {count:,} cells in line {number:,}; accepted: {cells:,}, as in the first")
        yield line


def _short(label: str) -> str:
    """A label as it is: numpy would cut it off silently."""
    if len(label) > _LABEL:
        raise ValueError(f"a label of {len(label)} characters")
    return label


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
