"""One run or a sweep: what the words of a command ask for, and what is said of a sweep where there is one run.

Hydra ignores the latter without a message. On the command line it is a mistake; a file may hold it for a later `-m`.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from omegaconf import OmegaConf

from groundup.command.tell import tell
from groundup.errors import UserError

OF_HYDRA = ("hydra.runtime.", "hydra.overrides.", "hydra.job.override_dirname", "hydra.job.config_name")
OF_A_SWEEP = ("sweep.", "hydra.sweep.", "hydra/launcher", "hydra.launcher", "hydra/sweeper", "hydra.sweeper")
JOBS = "jobs="  # with + before it: a file of jobs
SUBDIR = "${hydra.job.num}"
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


def words_of(hydra: Any) -> list[str]:
    """The words of a command line, of its jobs and of Hydra, as they were typed."""
    typed = OmegaConf.to_container(hydra.overrides, resolve=False)
    assert isinstance(typed, dict)
    return [*typed["hydra"], *typed["task"]]


def refuse_what_no_sweep_obeys(hydra: Any) -> None:
    """Settings of Hydra's own that its sweeps pass over, or ours do.

    Raises:
        UserError: one was given, or is in a file.
    """
    for word in words_of(hydra):
        key, _, value = word.lstrip("+").partition("=")
        _refuse_word_of_hydra(word)
        if key in ("hydra.job.num", "hydra.job.id"):
            raise UserError(f"{word}: every job of a sweep has its own; leave it out")
        if key == "hydra.run.dir":
            raise UserError(f"{word} with -m: the directory of a sweep is set by hydra.sweep.dir={value}")
    folders = OmegaConf.to_container(hydra.sweep, resolve=False)
    assert isinstance(folders, dict)
    if (given := folders["subdir"]) != SUBDIR:
        raise UserError(
            f"hydra.sweep.subdir={given}: the folders of a sweep's jobs have names of their own; accepted: "
            "hydra.sweep.dir=DIR"
        )


def refuse_sweep_of_ours(cfg: Any, hydra: Any) -> None:
    """For a job of another sweeper than ours: none of the keys of `sweep` holds for it.

    Raises:
        UserError: one was given.
    """
    word = next((word for word in words_of(hydra) if word.lstrip("+").startswith(("sweep.", JOBS))), None)
    if word is None and OmegaConf.select(cfg, "sweep.resume") is not None:
        word = f"sweep.resume={cfg.sweep.resume}"
    if word is not None:
        chosen = hydra.runtime.choices["hydra/sweeper"]
        raise UserError(f"{word}: hydra/sweeper={chosen} knows nothing of it; accepted: hydra/sweeper=groundup")


def _refuse_word_of_hydra(word: str) -> None:
    if word.lstrip("+").startswith(OF_HYDRA):
        raise UserError(f"{word}: Hydra sets this itself and would ignore the value; leave it out")


def look_for_a_sweep(hydra: Any) -> None:
    """Looks through the `hydra` node of a command without `-m`; a word for what its files say of a sweep.

    Raises:
        UserError: the command line says something of a sweep.
    """
    for word in words_of(hydra):
        _refuse_word_of_hydra(word)
        if word.lstrip("+~").startswith((*OF_A_SWEEP, JOBS)):
            raise UserError(f"{word} without -m: it is about a sweep, and this is one run: add -m, or leave it out")
    if idle := ", ".join(_idle(hydra)):
        tell(f"without -m this is one run; of a sweep, and not used: {idle}")


def _idle(hydra: Any) -> list[str]:
    chosen = hydra.runtime.choices
    idle = [f"hydra/launcher={chosen['hydra/launcher']}"] if chosen["hydra/launcher"] not in LAUNCHERS else []
    idle += [f"hydra/sweeper={chosen['hydra/sweeper']}"] if chosen["hydra/sweeper"] not in SWEEPERS else []
    params = hydra.sweeper.get("params") or {}
    return idle + [f"hydra.sweeper.params.{key}" for key in params]
