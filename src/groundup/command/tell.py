"""What a command says on standard output, for as long as somebody reads it."""

from __future__ import annotations

import os
import sys

from groundup.printable import printable_lines


def tell(text: str, end: str = "\n") -> bool:
    """Prints a line, and returns whether it was read.

    Once the reader has gone, as `| head` does, nothing more is printed: what is done goes on, unless who calls ends it.
    Of a disk that is full, say, a line on standard error tells.
    """
    try:
        print(_encodable(printable_lines(text)), end=end, flush=True)
        return True
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            print(f"error: standard output cannot be written: {error.strerror}", file=sys.stderr, flush=True)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # also for what jobs print, and for the flush when Python ends
        os.close(nowhere)
        return False


def _encodable(text: str) -> str:
    """The text with escapes for letters that the terminal's encoding has not."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
