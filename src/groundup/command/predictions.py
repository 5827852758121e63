"""Predictions as they come: lines for who reads them, rows of a CSV file for later."""

from __future__ import annotations

import csv
import os
import signal
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from io import FileIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from groundup.command.frame import say
from groundup.command.tell import tell
from groundup.errors import Interrupted, RunFailed, UserError
from groundup.files import plain_cell
from groundup.printable import printable
from groundup.run.bar import beside_bars

if TYPE_CHECKING:  # a room below
    from groundup.run.classified import Prediction

HEADER = ("image", "rank", "class", "probability", "error")
OF_A_SPLIT = ("number", "image", "true", "rank", "class", "probability", "error")

Row = Sequence[object]
Columns = Sequence[str]


def publish(predictions: Iterable[Prediction], out: Path | None, header: Columns = HEADER) -> None:
    """Prints a line for each prediction as it comes, and writes its rows into `out` before that.

    Where `out` is the standard output itself, as `/dev/stdout` is, its rows take the place of the lines.

    Args:
        predictions: is closed at the end, so that its bar is gone before anything else is said.
        out: a CSV file.
        header: `HEADER`, or `OF_A_SPLIT`: the columns of the rows.

    Raises:
        RunFailed: some images have no class; each has been named on standard error.
        UserError: the file cannot be written.
        Interrupted: nobody reads the lines any more, and there is no file to go on with.
    """
    try:
        count, failed = _publish(predictions, out, header)
    finally:
        if isinstance(predictions, Generator):
            predictions.close()
    if failed:
        raise RunFailed(f"{failed:,} of {count:,} images could not be classified; each is named above")


def _publish(predictions: Iterable[Prediction], out: Path | None, header: Columns) -> tuple[int, int]:
    """How many images there were, and how many of them have no class."""
    prints = out is None or not _is_standard_output(out)
    count = failed = 0
    for prediction in predictions if out is None else logged(predictions, out, header):
        count += 1
        if prediction.error is not None:
            failed += 1
            with beside_bars(sys.stderr):
                say(f"{_name(prediction)}: {prediction.error}")
            continue
        with beside_bars(sys.stdout):
            told = not prints or tell(_line(prediction))
        if not told and out is None:
            raise Interrupted(signal.SIGPIPE)
    return count, failed


def logged(predictions: Iterable[Prediction], out: Path, header: Columns = HEADER) -> Iterator[Prediction]:
    """Hands predictions on, each after its rows, with the columns of `header`, were added to a CSV file.

    The file is a log, not written whole at the end as others are: what was done stays when the process is ended.

    Raises:
        UserError: the file cannot be written.
        Interrupted: it is a pipe that nobody reads any more.
    """
    with _opened(out) as file:
        _add([header], file, out)
        for prediction in predictions:
            _add([[row[column] for column in header] for row in _rows(prediction)], file, out)
            yield prediction


def _name(prediction: Prediction) -> str:
    parts = (prediction.number, prediction.image)
    return printable(" ".join(str(part) for part in parts if part is not None))


def _line(prediction: Prediction) -> str:
    pairs = zip(prediction.classes, prediction.probabilities, strict=True)
    found = (f"{printable(name)} {probability:.4f}" for name, probability in pairs)
    true = [] if prediction.true is None else [f"true {printable(prediction.true)}"]
    return "  ".join((_name(prediction), *true, *found))


def _rows(prediction: Prediction) -> list[dict[str, object]]:
    """One for each class, or one that says why there is none."""
    image = "" if prediction.image is None else str(prediction.image)
    of_image: dict[str, object] = {"number": prediction.number, "image": image, "true": prediction.true}
    if prediction.error is not None:
        return [of_image | {"rank": "", "class": "", "probability": "", "error": prediction.error}]
    pairs = enumerate(zip(prediction.classes, prediction.probabilities, strict=True), start=1)
    return [
        of_image | {"rank": rank, "class": name, "probability": f"{probability:.6f}", "error": ""}
        for rank, (name, probability) in pairs
    ]


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
