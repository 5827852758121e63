"""Text for a terminal: names of somebody else's, columns. Imports the standard library alone."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Sequence

# Control characters (C0, DEL, C1), the separators of lines and paragraphs, what turns the direction of writing around
# for more than a character, and halves of surrogate pairs, which stand for bytes that are no UTF-8.
_NOT_SHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""The text on one line, letters of all scripts as they are; what a terminal would obey is escaped: `\x1b[31m`.

    For names of files and classes, and whatever else was not written by us: an escape code could move the cursor,
    rewrite what was printed before or change the terminal's title, a half of a surrogate pair cannot be printed at all.
    """
    return _NOT_SHOWN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def printable_lines(text: str) -> str:
    """As `printable`, each line on its own, tabs as they are: for messages of several, which hold such names."""
    return re.sub(r"[^\n\t]+", lambda found: printable(found[0]), text)


class PrintableFormatter(logging.Formatter):
    """Logs with names of somebody else's in them."""

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(super().format(record))


def shortened(text: str, length: int) -> str:
    """The text, or as much of it as so many characters hold, with an ellipsis."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def in_columns(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Rows of cells as lines, two blanks between columns.

    Args:
        rows: as many cells each.
        right: numbers of the columns that stand to the right, as figures do.
    """
    widths = column_widths(rows)

    def line(row: Sequence[str]) -> str:
        cells = zip(row, widths, strict=True)
        return "  ".join(cell.rjust(w) if i in right else cell.ljust(w) for i, (cell, w) in enumerate(cells)).rstrip()

    return [line(row) for row in rows]


def column_widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Of each column, the characters of its longest cell."""
    return [max(map(len, column)) for column in zip(*rows, strict=True)]
