"""`groundup`: chooses a command by its first word. Imports the standard library alone, until one is chosen."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Sequence

import groundup
from groundup.cli.completion import complete
from groundup.command.standard_streams import open_closed_streams

COMMANDS = {
    "train": "trains a model on a data set, or runs a sweep: groundup train model=cnn data=cifar10",
    "evaluate": "computes the test metrics of a run: groundup evaluate run=DIR",
    "predict": "classifies image files with a run: groundup predict run=DIR images=PATH",
    "report": "writes tables and plots of runs and sweeps: groundup report DIR",
    "export": "writes the network of a run for other programs: groundup export run=DIR to=onnx",
    "measure": "measures what predictions of runs cost on this CPU: groundup measure DIR",
    "new": "writes a project of your own to start from: groundup new DIR [NAME]",
}
HELP = """groundup: image classifiers from the ground up.

{commands}

  groundup COMMAND --help prints the help of a command. groundup --version prints the version.
"""
BAD_REQUEST = 2


def main() -> None:
    """Does what the command line asks for; exit codes are those of the commands."""
    open_closed_streams()
    first, *words = [*sys.argv[1:], ""]
    if first in ("-sc", "--shell-completion"):
        complete(words[:-1], COMMANDS, enter)
    elif first in COMMANDS:
        enter(first, words[:-1])
    else:
        sys.exit(_answer(first))


def enter(command: str, words: Sequence[str]) -> None:
    """Runs a command from the console."""
    module = importlib.import_module(f"groundup.cli.{command}")
    from groundup.command.place import Place

    module.main(Place.of_console(), words)


def _answer(word: str) -> int:
    """What is no command; returns the exit code."""
    if word in ("", "-h", "--help"):
        width = max(map(len, COMMANDS))
        print(HELP.format(commands="\n".join(f"  {name:<{width}}  {what}" for name, what in COMMANDS.items())), end="")
        return 0 if word else BAD_REQUEST
    if word == "--version":
        print(f"groundup {groundup.__version__}")
        return 0
    meant = difflib.get_close_matches(word, COMMANDS, n=1)
    hint = f"; did you mean groundup {meant[0]}?" if meant else "."
    print(f"error: {word}: there is no such command{hint} Accepted: {', '.join(COMMANDS)}", file=sys.stderr)
    return BAD_REQUEST
