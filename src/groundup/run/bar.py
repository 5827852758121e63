"""A bar with the time left, among whatever else is said in a terminal. Imports no torch."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TextIO

from tqdm import tqdm

FEW = 2  # batches, which take no time to speak of


@contextmanager
def bar_of_images(total: int, batch: int) -> Iterator[tqdm]:
    """A bar on standard error, to be updated by the image; hidden where that is no terminal, or of few batches.

    Also where standard output is a pipe: whoever reads it, as `head` does, writes into the same terminal.
    """
    shown = total > FEW * batch and sys.stderr.isatty() and not _is_pipe(sys.stdout)
    with tqdm(total=total, unit=" images", leave=False, dynamic_ncols=True, disable=not shown) as bar:
        yield bar


@contextmanager
def beside_bars(stream: TextIO) -> Iterator[None]:
    """Clears bars for as long as something is written to a terminal; they are drawn again below it."""
    with tqdm.external_write_mode(stream) if stream.isatty() and sys.stderr.isatty() else nullcontext():
        yield


def _is_pipe(stream: TextIO) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # it is no file, as in a notebook
        return False
