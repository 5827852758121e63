"""`study.json`: how the values of a search were drawn, for who draws them again."""

from __future__ import annotations

from pathlib import Path

from groundup.rundir.names import STUDY
from groundup.rundir.plain import MIB, Unreadable, read_json

SCALES = ("linear", "log", "choices")


def read_scales(sweep_dir: Path) -> dict[str, str]:
    """By key one of `SCALES`; none of a sweep that is no search, or of an older one."""
    try:
        known = read_json(sweep_dir / STUDY, MIB)
    except Unreadable:
        return {}
    found = known.get("scales") if isinstance(known, dict) else None
    return {key: scale for key, scale in found.items() if scale in SCALES} if isinstance(found, dict) else {}
