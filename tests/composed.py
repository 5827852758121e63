"""The shipped configs, composed in this process as those of a sweep's jobs: 4 ms where Hydra takes 90.

Both come to the same, which is what `sweep/test_compose.py` is about.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig

from groundup.command.resolvers import register_resolvers
from groundup.sweep.compose import Composer

PROJECT = Path(__file__).parents[1]


def compose(name: str, overrides: Iterable[str]) -> DictConfig:
    """The config of a command: `compose("train", ["model=mlp"])`."""
    register_resolvers(PROJECT)
    return composer(name).compose(list(overrides))


@functools.cache
def composer(name: str) -> Composer:
    """What composes the configs of a command; its `loader` knows the options of each group."""
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        return Composer(loader, loader.load_configuration(name, [], RunMode.MULTIRUN))
