"""Memory that is freed in one training step and wanted again in the next.

It concerns the whole process, so a command asks for it, and a library function never does.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # of mallopt(3)
KEPT = 2**31 - 1  # bytes that may lie idle
_TOLD_BY = ("MALLOC_MMAP_", "MALLOC_TRIM_", "MALLOC_TOP_PAD", "GLIBC_TUNABLES")


@functools.cache
def keep_freed_memory() -> bool:
    """Has glibc keep what is freed, up to 2 GiB, in place of giving it back to the system.

    It gives back whatever is larger than 32 MiB, at the latest, and the system hands out zeros: every step on a CPU
    then waits for the pages of its activations to be zeroed. Other C libraries are left as they are, and so is one
    that the environment tells what to do.

    To be asked once is enough for a process.

    Returns:
        Whether it does now.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith(_TOLD_BY) for name in os.environ):
        return False
    libc = ctypes.CDLL(None)
    settings = {_MMAP_THRESHOLD: 2**30, _TRIM_THRESHOLD: KEPT, _TOP_PAD: 2**26}
    return all([bool(libc.mallopt(option, value)) for option, value in settings.items()])
