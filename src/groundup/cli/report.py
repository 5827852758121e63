"""Tables and plots of runs and sweeps: `groundup report DIR`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from groundup.command.place import Place
from groundup.report import command


def main(place: Place, words: Sequence[str]) -> None:
    sys.exit(command.main(words, place))
