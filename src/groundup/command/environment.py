"""A variable of the environment, for as long as something lasts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def environment(name: str, value: str | None) -> Iterator[None]:
    """Sets an environment variable, or unsets it with None, and puts back what was there."""
    before = os.environ.get(name)

    def put(value: str | None) -> None:
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value

    put(value)
    try:
        yield
    finally:
        put(before)
