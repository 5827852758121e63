"""Reading a run directory back: its config, checked and trusted, and its checkpoints. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from groundup.build import refuse_foreign_targets
from groundup.errors import UserError

PARTS = {"data", "model", "loss", "optimizer", "scheduler", "trainer", "seed"}


def read_config(run_dir: Path) -> dict[str, Any]:
    """The resolved config of a run.

    Raises:
        UserError: no run directory, no readable config.yaml, or one that names code from elsewhere.
    """
    file = run_dir / "config.yaml"
    if not file.is_file():
        raise UserError(f"run={run_dir}: no config.yaml there; accepted: a run directory such as outputs/runs/*/*")
    try:
        config = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"run={run_dir}: config.yaml cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(config, dict) or PARTS - set(config):
        raise UserError(f"run={run_dir}: config.yaml is not the config of a run")
    refuse_foreign_targets(config)
    return config


@contextmanager
def building_from(run_dir: Path) -> Iterator[None]:
    """For what is built from a run's config inside: the file may have been edited, or be of another version.

    Raises:
        UserError: the parts do not take what the config says.
    """
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UserError(f"run={run_dir}: what its config.yaml says cannot be built: {reason}") from error


def find_checkpoint(run_dir: Path, ckpt: str) -> Path:
    """`best`, `last` or a path, as a file that is there.

    Raises:
        UserError: it is not there.
    """
    path = run_dir / "checkpoints" / f"{ckpt}.ckpt" if ckpt in ("best", "last") else Path(ckpt).expanduser()
    if not path.is_file():
        raise UserError(f"ckpt={ckpt}: no file {path}; accepted: best, last, or the path of a checkpoint")
    return path
