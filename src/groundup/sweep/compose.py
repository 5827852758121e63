"""The configs of many jobs: the files of `conf/` are composed once for each choice of groups.

Composing takes Hydra a fifth of a second, setting a value a hundredth of that. Ten thousand jobs of one model differ in
values alone.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from groundup.borrowed.hydra import ConfigLoaderImpl, apply_overrides

COMPOSED = 64  # choices of groups that are kept


class Composer:
    """Composes the jobs of one command, whose config is `master`."""

    def __init__(self, loader: ConfigLoader, master: DictConfig):
        self.loader, self.master = loader, master
        self._parse = functools.cache(OverridesParser.create(config_loader=loader).parse_override)
        self._repository = ConfigLoaderImpl(loader.get_search_path()).repository
        self._base = functools.lru_cache(COMPOSED)(self._compose_whole)

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """What Hydra composes of these overrides, without its own node.

        Raises:
            HydraException, OmegaConfBaseException, ValueError: as Hydra.
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

    def _is_value(self, override: Override) -> bool:
        """Whether it is applied after the files have been put together, and so has no say in which they are."""
        group = self._repository.group_exists(override.key_or_group)
        return not group and override.package is None and not override.is_hydra_override()

    def _compose_whole(self, overrides: tuple[str, ...]) -> DictConfig:
        cfg = self.loader.load_sweep_config(self.master, list(overrides))
        with read_write(cfg), open_dict(cfg):
            del cfg["hydra"]
        return cfg
