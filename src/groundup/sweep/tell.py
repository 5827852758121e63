"""What a sweep or a report says on standard output, for as long as somebody reads it."""

from __future__ import annotations

import os
import sys

from groundup.printable import printable_lines


def tell(text: str, end: str = "\n") -> None:
    """Prints a line. Once the reader has gone, as `| head` does, nothing: the sweep goes on."""
    try:
        print(printable_lines(text), end=end, flush=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # also for what jobs print, and for the flush when Python ends
        os.close(nowhere)
