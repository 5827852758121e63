"""What somebody else has named, as a terminal may show it. Imports the standard library alone."""

from __future__ import annotations

import logging
import re

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
