"""Private names of Hydra and of the plugins that launch jobs. Imports no torch: every command begins with these.

Looked at first: `hydra.main`, `hydra.compose`, `hydra.utils` and the interface `hydra.core.config_loader.ConfigLoader`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl as ConfigLoaderImpl
from hydra._internal.utils import _locate, create_config_search_path
from hydra._internal.utils import get_args_parser as get_args_parser
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.override_parser.types import Override
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig
from omegaconf.basecontainer import BaseContainer

# get_args_parser: the parser of `hydra.main`, to know what was asked before Hydra answers in its own way. `hydra.main`
# gives nobody what it has parsed.
#
# ConfigLoaderImpl: the loader that launchers are given; one of ours reads frozen jobs and is for the rest as Hydra's.
# The public `ConfigLoader` is abstract, without a word on what its methods do. Its `repository` says whether a key is a
# group; the public `get_group_options` lists the options of one, and takes a key that is none for an empty one.


def locate(path: str) -> Any:
    """What a dotted name stands for, imported if need be, just as `instantiate` finds it.

    The public `hydra.utils.get_object` logs an error where there is nothing, and `pydoc.locate` finds other things.

    Raises:
        ImportError, ValueError: there is nothing of that name, or it is no name.
    """
    return _locate(path)


def with_searchpath(loader: ConfigLoader, master: DictConfig) -> ConfigLoader:
    """A loader that looks where `hydra.searchpath` of a composed command says, too.

    Hydra's own composes with what is there; but for `glob`, and to tell a group from a key, it looks at the search path
    as it was without that, and no public name gives it another.
    """
    path = copy.deepcopy(loader.get_search_path())
    for source in master.hydra.runtime.config_sources:
        if source.provider.startswith("hydra.searchpath"):
            path.prepend(source.provider, f"{source.schema}://{source.path}", SearchPathQuery(provider="schema"))
    return ConfigLoaderImpl(path)


def apply_overrides(overrides: Sequence[Override], cfg: DictConfig) -> None:
    """Sets the values that parsed overrides ask for in a composed config, as composing does after its files.

    The public `hydra.compose` reads every file again, and `OmegaConf.update` knows no `+` and no `~`.

    Raises:
        HydraException, OmegaConfBaseException: as composing.
    """
    ConfigLoaderImpl._apply_overrides_to_config(list(overrides), cfg)


def make_loader(folders: Sequence[Path], provider: str) -> ConfigLoader:
    """Of configs in these folders, the first asked first; `provider` names the others.

    The public `hydra.initialize_config_dir` makes the loader of the whole process, which may be another program's.
    """
    search_path = create_config_search_path(str(folders[0]))
    for folder in folders[1:]:
        search_path.prepend(provider, f"file://{folder}", anchor=SearchPathQuery(provider="schema"))
    return ConfigLoaderImpl(search_path)


@contextmanager
def resolvers_put_back() -> Iterator[None]:
    """Puts back OmegaConf's resolvers as they were: no public name gives one that is registered."""
    before = dict(BaseContainer._resolvers)
    try:
        yield
    finally:
        BaseContainer._resolvers = before


# What launchers keep of their settings has no public name, and is all that can still be changed once Hydra has made
# them: which is after the jobs, whose number the settings depend on, are known.


def submitit_settings(launcher: Launcher) -> dict[str, Any]:
    """Of hydra-submitit-launcher: what submitit's executor will be given."""
    return launcher.params  # type: ignore[attr-defined]


def joblib_settings(launcher: Launcher) -> Any:
    """Of hydra-joblib-launcher: what `joblib.Parallel` will be given."""
    return launcher.joblib  # type: ignore[attr-defined]


def ray_settings(launcher: Launcher) -> Any:
    """Of hydra-ray-launcher: what `ray.init` (`.init`) and `ray.remote` (`.remote`) will be given."""
    return launcher.ray_cfg  # type: ignore[attr-defined]
