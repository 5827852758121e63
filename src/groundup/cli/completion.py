"""Shell completion of `groundup`: of its commands here, of what comes after one by Hydra."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence

BY_HYDRA = ("train", "evaluate", "predict", "export")


def complete(asked: Sequence[str], commands: Collection[str], enter: Callable[[str, Sequence[str]], None]) -> None:
    """Answers a shell, or prints what it installs.

    Args:
        asked: `install=bash`, `query=bash` and so on, as Hydra is asked.
        commands: all of them.
        enter: runs a command with words, which Hydra then answers.
    """
    if not any(word.startswith("query=") for word in asked):
        enter(BY_HYDRA[0], ["-sc", *asked])
        return
    typed = re.fullmatch(r"(\s*\S+\s+)(\S*)(.*)", os.environ.get("COMP_LINE", ""), flags=re.DOTALL)
    if typed is None or not typed[3]:
        print(" ".join(command for command in commands if typed is None or command.startswith(typed[2])))
    elif typed[2] in BY_HYDRA:
        os.environ["COMP_LINE"] = typed[1].rstrip() + typed[3]
        enter(typed[2], ["-sc", *asked])
