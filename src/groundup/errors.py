"""The two kinds of failure a user meets: a request that cannot be met, and a run that was stopped."""

from __future__ import annotations


class UserError(Exception):
    """Bad input: the message names the key, the value given and what is accepted. Ends the command with code 2."""


class Interrupted(KeyboardInterrupt):
    """A run stopped by Ctrl-C or SIGTERM after its state was saved. Ends the command with code 128 + signal."""

    def __init__(self, signum: int):
        super().__init__(f"stopped by signal {signum}")
        self.signum = signum
