"""Folders of configs that Hydra looks in after a command's own: for a project that has a `conf/` beside the package's.

The setting `hydra.searchpath` would do the same, but there is only one, and it belongs to the user.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

PROVIDER = "groundup"


class FurtherConfigs(SearchPathPlugin):
    """Hydra makes one for each search path: what it adds stands with the class."""

    folders: Sequence[Path] = ()

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for folder in self.folders:
            search_path.append(PROVIDER, f"file://{folder}")


@contextmanager
def further_configs(folders: Sequence[Path]) -> Iterator[None]:
    """Adds these folders to the search path of every command of Hydra that begins inside."""
    if folders:
        Plugins.instance().register(FurtherConfigs)
    before, FurtherConfigs.folders = FurtherConfigs.folders, folders
    try:
        yield
    finally:
        FurtherConfigs.folders = before
