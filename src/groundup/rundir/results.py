"""`results.json`: what came out of a run, and what it takes to repeat it."""

from __future__ import annotations

import functools
import json
import math
import platform
import re
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from groundup.files import write_whole
from groundup.rundir.names import RESULTS
from groundup.rundir.plain import Unreadable, read_json

DONE = ("finished", "pruned")  # nothing is left to do, and nothing went wrong
STATUSES = (*DONE, "failed", "interrupted")
CODE = "src"  # a new file there may be what a run has trained; elsewhere it is the user's own
_ROW = re.compile(r"\[\n\s*-?\d+(,\n\s*-?\d+)*\n\s*\]")  # strings in JSON hold no line breaks
PACKAGES = ("groundup", "torch", "torchvision", "lightning", "torchmetrics", "hydra-core", "numpy")


def read_results(run_dir: Path) -> dict[str, Any]:
    """What `results.json` of a run holds; nothing where there is none, or none that can be read."""
    try:
        results = read_json(run_dir / RESULTS)
    except Unreadable:
        return {}
    return results if isinstance(results, dict) and results.get("status") in STATUSES else {}


def write_results(run_dir: Path, results: dict[str, Any]) -> None:
    """Writes `results.json`, whole or not at all. NaN and infinity become null: JSON has neither."""
    write_whole(run_dir / RESULTS, as_json(results) + "\n")


def as_json(results: Mapping[str, Any]) -> str:
    """Indented, but for lists of whole numbers: a row of a confusion matrix is a line."""
    text = json.dumps(_plain(results), indent=2, allow_nan=False)
    return _ROW.sub(lambda row: " ".join(row[0].split()).replace("[ ", "[").replace(" ]", "]"), text)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@functools.cache
def versions() -> dict[str, str | None]:
    """Python and the packages that a run's numbers depend on; None of what is not installed."""
    return {"python": platform.python_version()} | {package: _version(package) for package in PACKAGES}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@functools.cache  # a later job of a sweep runs the code that was imported, not what has been edited since
def git_state(folder: Path | None) -> dict[str, Any] | None:
    """Commit of a project and whether it has uncommitted changes, or new code; None where there is none, or no git."""
    if folder is None:
        return None
    code = CODE if (folder / CODE).is_dir() else "*.py"
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
        return {"commit": commit, "dirty": bool(changed or _git(folder, "status", "--porcelain", "--", code))}
    except (OSError, subprocess.SubprocessError):  # no git, or no repository: nothing to record
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
