"""What a command says on standard output, for as long as somebody reads it."""

from __future__ import annotations

import os
import sys

from groundup.printable import printable_lines


def tell(text: str, end: str = "\n") -> bool:
    """Prints a line, and returns whether it was read.

    Once the reader has gone, as `| head` does, nothing more is printed: what is done goes on, unless who calls ends it.
    """
    try:
        print(_encodable(printable_lines(text)), end=end, flush=True)
        return True
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # also for what jobs print, and for the flush when Python ends
        os.close(nowhere)
        return False


def _encodable(text: str) -> str:
    """The text with escapes for letters that the terminal's encoding has not."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
