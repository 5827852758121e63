"""One run or a sweep: what the words of a command ask for, and what is said of a sweep where there is one run.

Hydra passes over the latter in silence. Typed, it is a mistake; a file may hold it for the day when `-m` is there.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from groundup.command.tell import tell
from groundup.errors import UserError

OF_A_SWEEP = ("sweep.", "hydra.sweep.", "hydra/launcher", "hydra.launcher", "hydra/sweeper", "hydra.sweeper")
LAUNCHERS, SWEEPERS = ("basic",), ("groundup", "basic")  # that are there without being asked for


def asked_for_sweep(asked: Namespace) -> bool:
    """Whether the command line says so, by `-m` or `hydra.mode=MULTIRUN`; a file may say it, too."""
    return asked.multirun or "MULTIRUN" in _modes(asked)


def refuse_two_modes(asked: Namespace) -> None:
    """Raises UserError for `-m hydra.mode=RUN`."""
    if asked.multirun and "RUN" in _modes(asked):
        raise UserError("-m with hydra.mode=RUN: a sweep, or one run? Leave one of the two out")


def _modes(asked: Namespace) -> set[str]:
    return {word.partition("=")[2] for word in asked.overrides if word.lstrip("+").startswith("hydra.mode=")}


def look_for_a_sweep(hydra: Any) -> None:
    """Looks through the `hydra` node of a command without `-m`; a word for what its files say of a sweep.

    Raises:
        UserError: the command line says something of a sweep.
    """
    for word in (*hydra.overrides.hydra, *hydra.overrides.task):
        if word.lstrip("+~").startswith(OF_A_SWEEP):
            raise UserError(f"{word} without -m: it is about a sweep, and this is one run: add -m, or leave it out")
    if idle := ", ".join(_idle(hydra)):
        tell(f"without -m this is one run; of a sweep, and not used: {idle}")


def _idle(hydra: Any) -> list[str]:
    chosen = hydra.runtime.choices
    idle = [f"hydra/launcher={chosen['hydra/launcher']}"] if chosen["hydra/launcher"] not in LAUNCHERS else []
    idle += [f"hydra/sweeper={chosen['hydra/sweeper']}"] if chosen["hydra/sweeper"] not in SWEEPERS else []
    params = hydra.sweeper.get("params") or {}
    return idle + [f"hydra.sweeper.params.{key}" for key in params]
