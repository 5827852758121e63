"""A command as the script of a project."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterable

from groundup.command.place import Place
from groundup.command.standard_streams import open_closed_streams


def door(
    command: str, script: str | os.PathLike[str], config: str | None = None, trust: str | Iterable[str] = ()
) -> Callable[[], None]:
    """Makes the function that turns a script into a command: `door("train", __file__)()` runs it.

    `conf/` beside the script comes before the package's. `outputs/` and `data/` are made beside the script.

    Args:
        command: train, evaluate, predict, export, report or measure.
        script: the path of the script.
        config: the name of the config in `conf/` to begin with; None takes the name of the command, such as `train`.
        trust: the project's own packages. The command may build their parts when a run directory names them.
    """
    main = importlib.import_module(f"groundup.cli.{command}").main
    return functools.partial(_enter, main, Place.of_script(script, config, trust))


def _enter(main: Callable[[Place, list[str]], None], place: Place) -> None:
    open_closed_streams()
    main(place, sys.argv[1:])
