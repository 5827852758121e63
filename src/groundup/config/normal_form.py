"""One way to write what can be said in several: plain containers, absolute paths. Imports no torch."""

from __future__ import annotations

import os
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from groundup.config.interpolation import explain_interpolation
from groundup.errors import UserError


def plain(cfg: DictConfig) -> dict[str, Any]:
    """A composed config as plain containers, every interpolation resolved.

    Raises:
        UserError: a key has no value, or one that cannot be resolved.
    """
    try:
        if missing := sorted(OmegaConf.missing_keys(cfg)):
            raise UserError("\n".join(f"{key}=???: must be given: {key}=VALUE" for key in missing))
        return OmegaConf.to_container(cfg, resolve=True)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise UserError(explain_interpolation(error)) from error


def is_sweep() -> bool:
    """Whether this command has `-m`."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def typed_words() -> list[str]:
    """The words of this command, or of this job; none where the config was composed by other means."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def was_checked() -> bool:
    """Whether this is a job of a sweep that has checked it, of which nothing has changed since, see `sweep.frozen`."""
    command: Any = HydraConfig.instance().cfg
    return is_sweep() and bool(OmegaConf.select(command, "hydra.sweep.checked"))


def drop_sweep(config: dict[str, Any]) -> None:
    """How a sweep is made is no part of a job: its config is that of the same run alone.

    Raises:
        UserError: `sweep.resume` without a sweep.
    """
    sweep = config.pop("sweep", None) or {}
    if sweep.get("resume") is not None and not is_sweep():
        raise UserError(f"sweep.resume={sweep['resume']} without -m: a sweep goes on with -m and its own settings")


def drop_idle_nesterov(optimizer: dict[str, Any]) -> None:
    """Without momentum it is the same thing, which torch refuses to be asked for."""
    if optimizer.get("nesterov") and optimizer.get("momentum") == 0:
        optimizer["nesterov"] = False


def make_absolute(node: dict[str, Any], key: str) -> None:
    """Paths are relative to where the command was typed, which a later `evaluate.py` need not share. A URL stays."""
    if node.get(key) and "://" not in node[key]:
        node[key] = os.path.abspath(os.path.join(where_typed(), os.path.expanduser(node[key])))


def where_typed() -> str:
    """The current directory, but for `hydra.job.chdir=true`, which makes that the run's."""
    if HydraConfig.initialized() and HydraConfig.get().job.chdir:
        return HydraConfig.get().runtime.cwd
    return os.getcwd()
