"""Where a command line has Hydra look for options, before Hydra does: what is not there, or would be hidden."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from groundup.command.config_files import folder_of
from groundup.command.place import Place
from groundup.command.words import split_values
from groundup.errors import UserError


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


def refuse_hidden_primary(asked: Namespace, place: Place) -> None:
    """Raises UserError for a typed `--config-name` that names a file of ours and another one in `--config-dir`."""
    if asked.config_name is None or asked.config_dir is None or asked.config_path is not None:
        return
    name = asked.config_name.removesuffix(".yaml")
    own, other = place.config_file(name), Path(asked.config_dir) / f"{name}.yaml"
    if own.is_file() and other.is_file() and own.read_bytes() != other.read_bytes():
        raise UserError(
            f"--config-name={asked.config_name}: {other} is hidden by {own}, which is found first; "
            "give yours another name"
        )


def _typed(asked: Namespace) -> list[str]:
    values = [word.partition("=")[2] for word in asked.overrides if word.lstrip("+").startswith("hydra.searchpath=")]
    return [place.strip("'\"") for value in values for place in split_values(value.strip("[]")) if place]
