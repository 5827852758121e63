"""`pruned.json`: that a study has stopped a run, and why. Written before anything else is told, so that a run that is
killed in this moment stays stopped when it is gone on with."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from groundup.files import write_whole
from groundup.printable import shortened
from groundup.rundir.names import PRUNED
from groundup.rundir.plain import MIB, Unreadable, read_json

LONGEST = 500  # characters of a reason, which the terminal shows: the file may be anybody's
KINDS = {"pruner": str, "epochs": int, "value": float, "against": float, "reason": str}


@dataclass(frozen=True)
class Decision:
    """Why a run was stopped.

    Attributes:
        pruner: which one decided.
        epochs: that were trained.
        value: what the run had come to.
        against: what that was held against, a figure of other runs.
        reason: all of it in a sentence.
    """

    pruner: str
    epochs: int
    value: float
    against: float
    reason: str


def write_decision(run_dir: Path, decision: Decision) -> None:
    """Whole or not at all; a figure that is no number becomes null."""
    plain = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(decision).items()
    }
    write_whole(run_dir / PRUNED, json.dumps(plain, indent=2) + "\n")


def forget_decision(run_dir: Path) -> None:
    """Of a run that trains on all the same."""
    (run_dir / PRUNED).unlink(missing_ok=True)


def read_decision(run_dir: Path) -> Decision | None:
    """None where there is none, or none that can be read: then the study decides once more."""
    try:
        found = read_json(run_dir / PRUNED, MIB)
    except Unreadable:
        return None
    if not isinstance(found, dict) or found.keys() != KINDS.keys():
        return None
    found = {name: math.nan if value is None else value for name, value in found.items()}
    found |= {name: float(found[name]) for name in ("value", "against") if type(found[name]) is int}
    if not all(type(found[name]) is kind for name, kind in KINDS.items()):
        return None
    return Decision(**found | {"reason": shortened(found["reason"], LONGEST)})
