"""In a process of tests a file of `conf/` is parsed once, and so is each interpolation: a third of composing a config.

Whole commands are processes of their own, which parse as ever.
"""

from __future__ import annotations

import copy
import functools
import os
from pathlib import Path
from typing import Any

import omegaconf._utils
import omegaconf.base
from omegaconf import OmegaConf

CONF = os.path.realpath(Path(__file__).parents[1] / "conf")
_load = OmegaConf.load
_files: dict[tuple[str, int, int], Any] = {}


def load(file: Any) -> Any:
    """`OmegaConf.load`; a config may be changed by who gets it, so each is a copy."""
    name = str(getattr(file, "name", ""))
    if not name.startswith(CONF + os.sep):
        return _load(file)
    status = os.fstat(file.fileno())
    key = name, status.st_mtime_ns, status.st_size
    if key not in _files:
        _files[key] = _load(file)
    return copy.deepcopy(_files[key])


def install() -> None:
    OmegaConf.load = staticmethod(load)  # type: ignore[method-assign]
    for module in (omegaconf._utils, omegaconf.base):  # a tree is read, and never changed
        module.parse = functools.lru_cache(maxsize=None)(module.parse)  # type: ignore[attr-defined]
