"""What of a config changes a run's figures. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from groundup.data.amounts import OF_NAMED
from groundup.rundir.directory import GROUPS

WITHOUT_EFFECT = {
    "data.root",
    "data.mirror",
    "data.eval_batch_size",
    "data.cache",
    "data.in_memory",
    "data.workers",
    "optimizer.batch_size",  # is data.batch_size
    "optimizer.fused",
    "trainer.capture",
    "trainer.compile",
    "trainer.log_every_n_steps",
}


# Younger than the first runs, which are the same as those without them.
UNSET = ("data.folds", "data.fold", "data.mean", "data.std", "data.sampler", "loss.class_weights")


def hyperparameters(config: Mapping[str, Any]) -> dict[str, str | float | bool]:
    """What changes a run's figures, not where its files are: flat, as `optimizer.lr`, with the seed first."""
    params: dict[str, str | float | bool] = {"seed": config["seed"]}
    params |= {key: str(config[key]) for key in ("init_from", "freeze") if config.get(key)}
    for group in GROUPS:
        params |= _flatten(group, config[group])
    params = {name: value for name, value in params.items() if name not in UNSET or value != "None"}
    return {name: value for name, value in params.items() if name not in WITHOUT_EFFECT | _idle(config["data"])}


def _idle(data: Mapping[str, Any]) -> set[str]:
    """Amounts of augmentations that are not used. Somebody else's data may have such keys for something else."""
    if not OF_NAMED.keys() <= data.keys():
        return set()
    return {f"data.{key}" for key, name in OF_NAMED.items() if name not in (data.get("augment") or ())}


def chosen(overrides: Iterable[str]) -> set[str]:
    """The names among them of what was set on the command line: of `model=mlp` it is `model.name`."""
    keys = {word.lstrip("+~").partition("=")[0] for word in overrides}
    return {f"{key}.name" if key in GROUPS else key for key in keys}


def _flatten(prefix: str, node: Mapping[str, Any]) -> dict[str, str | float | bool]:
    flat: dict[str, str | float | bool] = {}
    for key, value in node.items():
        if isinstance(value, Mapping):
            flat |= _flatten(f"{prefix}.{key}", value)
        elif not key.startswith("_"):
            flat[f"{prefix}.{key}"] = value if isinstance(value, (bool, int, float, str)) else str(value)
    return flat
