"""One request to stop that comes several times.

What stops a whole group of processes, `timeout` or a cluster, signals each of them, and some pass it on to others.
"""

from __future__ import annotations

import time

ECHO = 0.5  # seconds in which all signals are one request


class Requests:
    """The requests to stop that a process has got."""

    def __init__(self) -> None:
        self._first: float | None = None

    def is_new(self) -> bool:
        """Takes in a signal, and says whether it is a request, the first or a further one, and no echo of the first."""
        now = time.monotonic()
        if self._first is None:
            self._first = now
            return True
        return now - self._first > ECHO
