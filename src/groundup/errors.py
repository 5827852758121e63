"""The failures a user meets: a request that cannot be met, a run that was stopped, a run that failed."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator

log_of_tracebacks = logging.getLogger("groundup.traceback")  # goes to train.log alone: the cause is said in one line


class UserError(Exception):
    """Bad input: the message names the key, the value given and what is accepted. Ends the command with code 2."""


class Interrupted(BaseException):
    """A run stopped by Ctrl-C or SIGTERM after its state was saved. Ends the command with code 128 + signal.

    No KeyboardInterrupt: Lightning turns that into exit code 1.
    """

    def __init__(self, signum: int):
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum


class Pruned(Exception):
    """A run that its study has given up, as it was to be: nothing failed. The message is the reason, one line."""


class RunFailed(Exception):
    """A run failed inside training; its cause is logged. The message is one line. Ends the command with code 1."""


class SweepFailed(Exception):
    """A job of a sweep failed, or did not run; the others have run. Ends the command with code 1."""


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what it came of, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
