"""Where things are: the checkout, the data, and names for new directories. Imports the standard library alone."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]  # the checkout


def unique_name() -> str:
    """`YYYY-mm-dd_HH-MM-SS-XXXXXX`: sorts by time; six random hex digits keep processes of one second apart."""
    return f"{datetime.now():%Y-%m-%d_%H-%M-%S}-{os.urandom(3).hex()}"


def is_unique_name(name: str) -> bool:
    """Whether a name is one of those."""
    return re.fullmatch(r"\d{4}(-\d\d){2}_\d\d(-\d\d){2}-[0-9a-f]{6}", name) is not None


def data_root(root: Path) -> str:
    """Where data sets are looked for, and downloaded to, unless `data.root` says otherwise."""
    return os.environ.get("GROUNDUP_DATA") or str(root / "data")  # set but empty is unset, never the current folder
