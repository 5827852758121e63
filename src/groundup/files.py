"""Files that are written whole or not at all, and never through somebody's link. Imports the standard library alone."""

from __future__ import annotations

import csv
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import IO, Any

UNFINISHED = ".partial"  # how the name of a file ends that is being written
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to be written, which takes the place of `path` once it is whole and on the disk.

    Whoever ends the process, or the power, leaves either what was there before or what was written, not a part. The
    content goes into a fresh file beside `path`, so that a link in its place is replaced, not followed.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}{UNFINISHED}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(unfinished, flags, 0o666)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes text (UTF-8) or bytes by `whole`."""
    with whole(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def write_csv(path: Path, rows: Iterable[Sequence[Any]]) -> None:
    """Writes rows by `whole`, as `as_csv` has them."""
    write_whole(path, as_csv(rows))


def as_csv(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as the text of a CSV file, each cell as `plain_cell` has it."""
    text = StringIO(newline="")
    csv.writer(text).writerows([plain_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def plain_cell(cell: Any) -> Any:
    """A cell that a spreadsheet does not take for a formula: an apostrophe goes before words that look like one."""
    if not isinstance(cell, str) or not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def remove_unfinished(folder: Path) -> None:
    """Removes what killed processes left half written. For who holds the folder's lock: nobody writes there now."""
    for file in folder.glob(f".*{UNFINISHED}"):
        file.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Makes the new name last: a rename is in the folder, which a power cut may lose too."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # a folder that may be written and not read
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
