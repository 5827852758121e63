"""Which of the processes of one run this is. Imports no torch."""

from __future__ import annotations

import os


def is_helper() -> bool:
    """Whether this is a process of a run other than the first."""
    return int(os.environ.get("LOCAL_RANK", 0)) > 0 or int(os.environ.get("NODE_RANK", 0)) > 0
