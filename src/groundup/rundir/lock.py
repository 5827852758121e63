"""Whose a directory is: the process that writes there holds a lock on a file in it. Imports no torch.

The lock is `flock`'s, which ends with the process however that ends. Who only looks shares the lock for an instant, so
that those who look do not see one another; who wants the directory tries for a moment, and so outlasts them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

MOMENT = 1.0  # seconds; a look takes some microseconds


class Held(Exception):
    """Another process has the lock."""


@contextmanager
def holding(file: Path, wait: float = MOMENT) -> Iterator[None]:
    """Holds the lock of a file, which is made if need be.

    Args:
        file: in the directory that it is about.
        wait: for so many seconds for another who has it.

    Raises:
        Held: another process has it, or another part of this one.
        OSError: there is no such folder, or it cannot be written.
    """
    lock = filelock.FileLock(file)
    try:
        lock.acquire(timeout=wait, poll_interval=MOMENT / 100)
    except filelock.Timeout as error:
        raise Held(str(file)) from error
    try:
        yield
    finally:
        lock.release()


def is_held(file: Path) -> bool:
    """Whether somebody holds the lock of a file. A look leaves no trace, and may be taken where nothing can be written.

    Where the file is not there, cannot be read, or lies on a disk without locks, nobody is known to hold it.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # no run makes a link; a pipe would make us wait
    try:
        descriptor = os.open(file, flags)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
