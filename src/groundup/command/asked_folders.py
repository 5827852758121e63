"""Checks where a command line lets Hydra look for options: a folder that is missing, an option that is hidden."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from groundup.command.config_files import folder_of
from groundup.command.place import Place
from groundup.command.words import split_values
from groundup.errors import UserError

CONFIG_DIR = ("--config-dir", "-cd")


def config_dir_of(words: Sequence[str]) -> str | None:
    """The folder of `--config-dir DIR` or `--config-dir=DIR`: options of one's own, which come before ours.

    Hydra would put it after those of the command, and take ours of the same name without a word.
    """
    for word, after in pairwise([*words, ""]):
        if word in CONFIG_DIR:
            return after
        if word.startswith(f"{CONFIG_DIR[0]}="):
            return word.partition("=")[2]
    return None


def folders_asked_for(asked: Namespace, place: Place) -> list[Path]:
    """Where a command line has Hydra look, without what a primary config adds by itself."""
    main = place.confs[0] if asked.config_path is None else folder_of(asked.config_path, place.beside)
    places = [*filter(None, [asked.config_dir]), *_typed(asked)]
    found = [main, *place.confs[1:], *map(folder_of, places)]
    return [folder.resolve() for folder in found if folder is not None]


def refuse_missing_folders(asked: Namespace) -> None:
    """Raises UserError for a typed `hydra.searchpath` with a folder that is not there; Hydra only warns."""
    for place in _typed(asked):
        if "${" not in place and not ((folder := folder_of(place)) and folder.is_dir()):
            raise UserError(
                f"hydra.searchpath=[{place}]: no such folder; accepted: file://DIR, or pkg://PACKAGE.MODULE"
            )


def _typed(asked: Namespace) -> list[str]:
    values = [word.partition("=")[2] for word in asked.overrides if word.lstrip("+").startswith("hydra.searchpath=")]
    return [place.strip("'\"") for value in values for place in split_values(value.strip("[]")) if place]
