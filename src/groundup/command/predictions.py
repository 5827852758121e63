"""Predictions as they come: lines for who reads them, rows of a CSV file for later."""

from __future__ import annotations

import csv
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from io import FileIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from groundup.command.frame import say
from groundup.command.tell import tell
from groundup.errors import Interrupted, RunFailed, UserError
from groundup.files import plain_cell
from groundup.printable import printable

if TYPE_CHECKING:  # a room below
    from groundup.run.classified import Prediction

HEADER = ("image", "rank", "class", "probability", "error")

Row = Sequence[object]


def publish(predictions: Iterable[Prediction], out: Path | None) -> None:
    """Prints a line for each prediction as it comes, and writes its rows into `out` before that.

    Where `out` is the standard output itself, as `/dev/stdout` is, its rows take the place of the lines.

    Raises:
        RunFailed: some images have no class; each has been named on standard error.
        UserError: the file cannot be written.
        Interrupted: nobody reads the lines any more, and there is no file to go on with.
    """
    prints = out is None or not _is_standard_output(out)
    count = failed = 0
    for prediction in predictions if out is None else logged(predictions, out):
        count += 1
        if prediction.error is not None:
            failed += 1
            say(f"{printable(str(prediction.image))}: {prediction.error}")
        elif prints and not tell(_line(prediction)) and out is None:
            raise Interrupted(signal.SIGPIPE)
    if failed:
        raise RunFailed(f"{failed:,} of {count:,} images could not be classified; each is named above")


def logged(predictions: Iterable[Prediction], out: Path) -> Iterator[Prediction]:
    """Hands predictions on, each after its rows were added to a CSV file: `image, rank, class, probability, error`.

    The file is a log, not written whole at the end as others are: what was done stays when the process is ended.

    Raises:
        UserError: the file cannot be written.
        Interrupted: it is a pipe that nobody reads any more.
    """
    with _opened(out) as file:
        _add([HEADER], file, out)
        for prediction in predictions:
            _add(_rows(prediction), file, out)
            yield prediction


def _line(prediction: Prediction) -> str:
    pairs = zip(prediction.classes, prediction.probabilities, strict=True)
    found = (f"{printable(name)} {probability:.4f}" for name, probability in pairs)
    return "  ".join((printable(str(prediction.image)), *found))


def _rows(prediction: Prediction) -> list[Row]:
    """One for each class, or one that says why there is none."""
    image = str(prediction.image)
    if prediction.error is not None:
        return [(image, "", "", "", prediction.error)]
    pairs = enumerate(zip(prediction.classes, prediction.probabilities, strict=True), start=1)
    return [(image, rank, name, f"{probability:.6f}", "") for rank, (name, probability) in pairs]


def _add(rows: Iterable[Row], file: FileIO, out: Path) -> None:
    """Adds rows by one write, so that whoever ends the process leaves whole ones."""
    text = StringIO(newline="")
    csv.writer(text).writerows([plain_cell(cell) for cell in row] for row in rows)
    content = memoryview(text.getvalue().encode(errors="backslashreplace"))  # a file's name need not be UTF-8
    try:
        while content:
            content = content[file.write(content) :]
    except BrokenPipeError as error:  # who reads it has enough
        raise Interrupted(signal.SIGPIPE) from error
    except OSError as error:
        raise _not_written(out, error) from error


def _opened(out: Path) -> FileIO:
    try:
        # opened by its name, what was redirected to the end of a file would be written over its beginning
        return open(os.dup(sys.stdout.fileno()) if _is_standard_output(out) else out, "wb", buffering=0)
    except OSError as error:
        raise _not_written(out, error) from error


def _not_written(out: Path, error: OSError) -> UserError:
    return UserError(f"out={out}: cannot be written: {error.strerror}")


def _is_standard_output(out: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(sys.stdout.fileno()), out.stat())
    except OSError:  # one of them is no file, or not there yet
        return False
