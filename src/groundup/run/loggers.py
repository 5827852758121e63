"""The loggers of a config: built, told of the run, and of its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger

from groundup.borrowed.hydra import locate
from groundup.config.build import build_as_is, named_arguments, names_of_bases
from groundup.errors import UserError, log_of_tracebacks
from groundup.loggers.guard import guard, say_failed
from groundup.loggers.helper import InHelper
from groundup.loggers.keeper import Beginning, Ending, Keeper, Place
from groundup.loggers.keepers import ANY, keeper_of
from groundup.rundir.ranks import is_helper

OURS = {"run_dir", "first_step"}  # which nobody else knows, so that no other takes them without their names
ACCEPTED = (
    "a lightning.pytorch Logger, one of your own too, or a function that gives one; it may take save_dir, run_dir, "
    "first_step"
)


class Loggers:
    """The loggers of a run's config, in its order; those that are null are left out.

    Args:
        config: checked.
        run_dir: of the run.
        first_step: that is to be taken.
        goes_on: whether a part of the run was trained before.

    Raises:
        UserError: one of them is none, or does not work here.
    """

    def __init__(self, config: Mapping[str, Any], run_dir: Path, first_step: int, goes_on: bool):
        self._made: list[tuple[Place, Logger]] = []
        self._begun: list[tuple[Place, Logger, Callable[[], bool]]] = []
        for name, node in config["logger"].items():
            if node:
                place = Place(f"logger.{name}", run_dir, first_step, goes_on)
                self._made.append((place, _build(node, place)))
        for (first, one), (second, other) in combinations(self._made, 2):
            if problem := keeper_of(type(one)).clash(one, other):
                raise UserError(f"{first.key} and {second.key}: {problem}")

    def of_trainer(self) -> list[Logger]:
        return [logger for _, logger in self._made]

    def begin(self, run: Beginning) -> None:
        """Tells them of a run before its first step, in the first process. What they raise later does not end it.

        Raises:
            UserError: one of them cannot begin.
        """
        for place, logger in self._made:
            try:
                keeper_of(type(logger)).begin(logger, run, place)
            except UserError:
                raise
            except Exception as error:  # of any kind: each has its own way to miss a key, a server, a folder
                raise UserError(f"{place.key}: {_cause(error)}") from error
            # TensorBoard's files are the run directory's own, as checkpoints are: where they fail, those do
            has_failed = _never if isinstance(logger, TensorBoardLogger) else guard(logger, place.key)
            self._begun.append((place, logger, has_failed))

    def end(self, run: Ending) -> None:
        """Tells those that have begun what came of a run."""
        for place, logger, has_failed in self._begun:
            keeper = keeper_of(type(logger))
            try:
                if has_failed():
                    keeper.abandon(logger)
                else:
                    keeper.end(logger, run)
            except Exception as error:
                if isinstance(logger, TensorBoardLogger):
                    raise
                say_failed(place.key, error)


def _never() -> bool:
    return False


def _build(node: Mapping[str, Any], place: Place) -> Logger:
    factory = _factory(node, place)
    is_class = isinstance(factory, type)
    keeper = keeper_of(factory) if is_class else ANY
    if is_helper() and is_class and not issubclass(factory, TensorBoardLogger):
        return InHelper(keeper.takes_pictures(factory))
    waits = bool(node.get("_partial_")) and not is_class  # a function of the run directory and the first step
    left_open = {} if waits else _left_open(factory, node, keeper, place)
    try:
        made = build_as_is(_given(node, left_open, waits), **left_open)
        made = made(place.run_dir, first_step=place.first_step) if waits else made
    except UserError as error:
        raise UserError(f"{place.key}.{error}") from error
    except Exception as error:  # of any kind: it may not be ours
        log_of_tracebacks.error(f"traceback of {place.key}", exc_info=error)
        raise _refusal(node, place, _cause(error)) from error
    if not isinstance(made, Logger):
        kind = type(made)
        raise _refusal(node, place, f"gives an object of {kind.__module__}.{kind.__qualname__}, no logger")
    return made


def _factory(node: Mapping[str, Any], place: Place) -> Any:
    try:
        return locate(str(node["_target_"]))
    except Exception as error:
        raise _refusal(node, place, _cause(error)) from error


def _given(node: Mapping[str, Any], left_open: Mapping[str, Any], waits: bool) -> dict[str, Any]:
    """What a node says. A class is called at once, whatever `_partial_` says, which it had to say in version 0.4."""
    return {key: value for key, value in node.items() if key not in left_open and (waits or key != "_partial_")}


def _left_open(factory: Any, node: Mapping[str, Any], keeper: Keeper, place: Place) -> dict[str, Any]:
    """What it gets of what the node does not say, or says null to."""
    takes, takes_more = named_arguments(factory)
    takes |= names_of_bases(factory)
    if keeper is ANY:
        takes_more = False  # what a function of somebody else's would do with more is not known
    offered = keeper.arguments({key: value for key, value in node.items() if value is not None}, place)
    taken = takes | (offered.keys() - OURS if takes_more else set())
    return {name: value for name, value in offered.items() if node.get(name) is None and name in taken}


def _refusal(node: Mapping[str, Any], place: Place, cause: str) -> UserError:
    return UserError(f"{place.key}._target_={node['_target_']}: {cause}; accepted: {ACCEPTED}")


def _cause(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
