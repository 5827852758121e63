"""The three streams that a command expects to be open, as schedulers and daemons may leave them closed."""

from __future__ import annotations

import os
import sys

MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}  # in the order of their descriptors, 0 to 2


def open_closed_streams() -> None:
    """Opens the null device in the place of each standard stream that is closed.

    Else Python has None there; and the next file to be opened takes the free descriptor, so that what a library prints
    lands in it.
    """
    for descriptor, (name, mode) in enumerate(MODES.items()):
        if getattr(sys, name) is not None:
            continue
        opened = os.open(os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)
        os.set_inheritable(descriptor, True)
        setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", errors="backslashreplace", closefd=False))
