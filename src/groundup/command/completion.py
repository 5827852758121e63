"""Completion of a line in a shell, such as `train.py --config-dir mine -m model=`, with the options of that line.

Hydra looks at the settings of the line alone, and takes its options for settings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

OPTION = re.compile(r"\s(--config-dir|-cd|--config-name|-cn|--config-path|-cp)(?:=|\s+)(\S+)(?=\s)")
FLAG = re.compile(r"\s(?:-m|--multirun)(?=\s)")


def with_options_of_line(words: Sequence[str]) -> list[str]:
    """The words of a command, with the options of the line that the shell completes, if that is what it asks."""
    if not any(word.startswith("query=") for word in words):
        return list(words)
    line = os.environ.get("COMP_LINE", "")
    os.environ["COMP_LINE"] = FLAG.sub("", OPTION.sub("", line))
    return [*(part for option in OPTION.findall(line) for part in option), *words]
