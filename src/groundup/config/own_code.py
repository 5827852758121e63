"""The source files that parts of somebody else's come from: a run may be gone on with, or evaluated, by edited ones."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groundup.config.nodes import nodes
from groundup.config.trusted import is_library, is_name, is_within

CODE = "code"  # in a checkpoint
log = logging.getLogger(__name__)


def code_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Of each module that is imported from the packages that a config names, other than ours, the SHA-256 of its file.

    Called once the parts are built: what they need is imported by then. PyTorch and the other libraries that this
    project stands on are left out.
    """
    targets = [target for _, node in nodes(config) if is_name(target := node["_target_"]) and not is_library(target)]
    packages = {target.partition(".")[0] for target in targets} - {"groundup"}
    modules = sorted(name for name in sys.modules if is_within(name, packages)) if packages else []
    return {name: digest for name in modules if (digest := _digest(name))}


def warn_of_other_code(checkpoint: Mapping[str, Any], config: Mapping[str, Any], path: Path) -> None:
    """Says so where a checkpoint was made with other files of these modules; of an earlier version it does not tell."""
    before = checkpoint.get(CODE)
    before = before if isinstance(before, Mapping) else {}
    changed = [name for name, digest in code_of(config).items() if before.get(name, digest) != digest]
    if changed:
        log.warning(f"{', '.join(changed)}: edited since {path} was written; what follows uses the code as it is now")


def _digest(module: str) -> str | None:
    file = getattr(sys.modules[module], "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py"):
        return None
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:  # gone since, or within an archive
        return None
