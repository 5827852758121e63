"""Which run a checkpoint is of: a random name that both know. Imports no torch.

It is in every checkpoint, and in the first line of `config.yaml`, a comment: it is no setting, so that the same config
stays the same. A run that goes on, in its own directory or in another, keeps it. Where one of the two does not say,
because it was written by version 0.1 or by hand, nothing is compared.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEY = "run"  # in a checkpoint
_NAME = re.compile(r"[0-9a-f]{16}")
_LINE = re.compile(rf"# run ({_NAME.pattern})\b".encode())


def new_identity() -> str:
    return secrets.token_hex(8)


def identity_in(checkpoint: Mapping[str, Any]) -> str | None:
    """Which run a checkpoint says that it is of; None where it does not say."""
    name = checkpoint.get(KEY)
    return name if isinstance(name, str) and _NAME.fullmatch(name) else None


def as_comment(identity: str) -> str:
    """The first line of a run's `config.yaml`."""
    return f"# run {identity}, as its checkpoints say\n"


def identity_of(run_dir: Path) -> str | None:
    """What the `config.yaml` of a run directory says; None where it says nothing, or is not there."""
    try:
        with (run_dir / "config.yaml").open("rb") as file:
            found = _LINE.match(file.read(64))
    except OSError:
        return None
    return found[1].decode() if found else None
