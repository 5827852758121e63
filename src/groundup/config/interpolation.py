"""What is wrong with a value that refers to another, in words."""

from __future__ import annotations

import re

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    OmegaConfBaseException,
)


def explain_interpolation(error: OmegaConfBaseException) -> str:
    """A value that refers to what is not there: `data.root=${oc.env:NOPE}: Environment variable 'NOPE' not found`."""
    written = OmegaConf.to_container(error.parent_node) if isinstance(error.parent_node, DictConfig) else None
    value = written.get(error.key) if isinstance(written, dict) else None
    given = f"{error.full_key}={value}" if isinstance(value, str) else error.full_key
    return f"{given}: {reason_of(error)}" if given else reason_of(error)


def reason_of(error: OmegaConfBaseException) -> str:
    """OmegaConf's own words for it, in one line."""
    return re.sub(r"^\w+ raised while resolving interpolation: ", "", str(error).splitlines()[0]).strip("'\"")
