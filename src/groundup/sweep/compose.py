"""The configs of many jobs: the files of `conf/` are composed once for each choice of groups.

Composing takes Hydra a fifth of a second, setting a value a hundredth of that. Ten thousand jobs of one model differ in
values alone.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from groundup.borrowed.hydra import ConfigLoaderImpl, apply_overrides
from groundup.command.config_files import look_at_files
from groundup.errors import UserError

COMPOSED = 64  # choices of groups that are kept
OF_A_RUN = ("overrides", "runtime", "run", "help", "hydra_help")  # in Hydra's own node
OF_A_JOB = ("override_dirname", "num", "id")  # in its `job`


class Composer:
    """Composes the jobs of one command, whose config is `master`."""

    def __init__(self, loader: ConfigLoader, master: DictConfig):
        self.loader, self.master = loader, master
        self._of_whole_sweep = _of_whole_sweep(master)
        self._parse = functools.cache(OverridesParser.create(config_loader=loader).parse_override)
        self._repository = ConfigLoaderImpl(loader.get_search_path()).repository
        self._base = functools.lru_cache(COMPOSED)(self._compose_whole)

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """What Hydra composes of these overrides, without its own node.

        Raises:
            HydraException, OmegaConfBaseException, ValueError: as Hydra.
            UserError: they set what holds for the whole sweep.
        """
        try:
            parsed = [self._parse(override) for override in overrides]
            choices = tuple(word for word, found in zip(overrides, parsed, strict=True) if not self._is_value(found))
            if any(override.is_delete() for override in parsed):
                return self._compose_whole(tuple(overrides))
            cfg = copy.deepcopy(self._base(choices))
            apply_overrides([found for found in parsed if self._is_value(found)], cfg)
            return cfg
        except (HydraException, OmegaConfBaseException, ValueError):
            return self._compose_whole(tuple(overrides))  # for Hydra's own words

    def is_group(self, key: str) -> bool:
        """Whether the values of a key are options of `conf/`."""
        return bool(self._repository.group_exists(key))

    def _is_value(self, override: Override) -> bool:
        """Whether it is applied after the files have been put together, and so has no say in which they are."""
        return (
            not self.is_group(override.key_or_group) and override.package is None and not override.is_hydra_override()
        )

    def _compose_whole(self, overrides: tuple[str, ...]) -> DictConfig:
        cfg = self.loader.load_sweep_config(self.master, list(overrides))
        _refuse_settings_of_sweep(cfg, self._of_whole_sweep)
        look_at_files(cfg, cfg.hydra)
        with read_write(cfg), open_dict(cfg):
            del cfg["hydra"]
        return cfg


def _of_whole_sweep(cfg: DictConfig) -> dict[str, Any]:
    """What Hydra's own node says of a sweep, and of all of its jobs alike."""
    node = OmegaConf.to_container(cfg.hydra, resolve=False)
    assert isinstance(node, dict)
    node["job"] = {key: value for key, value in node["job"].items() if key not in OF_A_JOB}
    return {str(key): value for key, value in node.items() if key not in OF_A_RUN}


def _refuse_settings_of_sweep(cfg: DictConfig, sweep: dict[str, Any]) -> None:
    """An option that is swept may set in its file what no job has for itself: Hydra would pass over it in silence.

    Raises:
        UserError: naming the first key.
    """
    for key, value in _of_whole_sweep(cfg).items():
        if value == sweep.get(key):
            continue
        choice = cfg.hydra.runtime.choices.get(f"hydra/{key}")
        chosen = isinstance(value, dict) and value.get("_target_") != sweep[key].get("_target_")
        how = f"hydra/{key}={choice}" if chosen else f"hydra.{key}"
        raise UserError(
            f"hydra.{key}: there is one for the whole sweep, and an option that is swept sets another; accepted: {how} "
            "on the command line, or in an option that all jobs share"
        )
