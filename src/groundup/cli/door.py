"""A command as the script of a project."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterable

from groundup.command.place import Place


def door(
    command: str, script: str | os.PathLike[str], config: str | None = None, trust: str | Iterable[str] = ()
) -> Callable[[], None]:
    """The function that a script calls to be a command: `door("train", __file__)()`.

    `conf/` beside the script comes before the package's, `outputs/` and `data/` are made beside it.

    Args:
        command: train, evaluate, predict or report.
        script: the file.
        config: the name of the config it begins with, in `conf/`; None: as the command, such as `train`.
        trust: the project's own packages, whose parts it may build from what a run directory says.
    """
    main = importlib.import_module(f"groundup.cli.{command}").main
    return functools.partial(_enter, main, Place.of_script(script, config, trust))


def _enter(main: Callable[[Place, list[str]], None], place: Place) -> None:
    main(place, sys.argv[1:])
