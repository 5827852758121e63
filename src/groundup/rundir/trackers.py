"""The identifiers of a run at trackers elsewhere, so that a resumed run goes on there too."""

from __future__ import annotations

import json
import re
from pathlib import Path

from groundup.files import write_whole
from groundup.rundir.names import TRACKERS
from groundup.rundir.plain import Unreadable, parse_json

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


def id_of(run_dir: Path, key: str) -> str | None:
    """The id that the logger of this node, `logger.wandb`, has for the run; None where there is none to be read."""
    found = _read(run_dir).get(key)
    return found if isinstance(found, str) and _ID.fullmatch(found) else None


def keep_id(run_dir: Path, key: str, name: str) -> None:
    """Writes it down."""
    write_whole(run_dir / TRACKERS, json.dumps(_read(run_dir) | {key: name}, indent=1) + "\n")


def _read(run_dir: Path) -> dict[str, object]:
    try:
        found = parse_json((run_dir / TRACKERS).read_bytes())
    except (OSError, Unreadable):
        return {}
    return found if isinstance(found, dict) else {}
