"""A LightningModule learns by itself: loss, optimizer and schedule of the config have no part. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from groundup.config.located import find_package
from groundup.config.model_kinds import learns_by_itself
from groundup.errors import UserError

GROUPS = ("loss", "optimizer", "scheduler")
OWN = {"name": "own"}  # in place of the node of each


def settle_training(config: dict[str, Any], words: Iterable[str]) -> None:
    """Has the config of a LightningModule say that loss, optimizer and schedule are its own: no table tells else.

    Args:
        config: of a run; changed.
        words: that were typed for it.

    Raises:
        UserError: one of them chooses what has no effect.
    """
    model = config.get("model")
    if not isinstance(model, Mapping):
        return
    find_package(str(model.get("_target_")))
    if not learns_by_itself(model):
        return
    for word in words:
        key = word.lstrip("+~").partition("=")[0]
        if key.partition(".")[0].partition("@")[0] in GROUPS:
            raise UserError(
                f"{word} with model={model.get('name')}: this model is a LightningModule, which has its own loss, "
                "optimizers and schedule; accepted: arguments of its own, as model.KEY=VALUE"
            )
    config |= {group: dict(OWN) for group in GROUPS}


def is_own(config: Mapping[str, Any], group: str) -> bool:
    """Whether the node of a group says, rightly, that the model has that itself."""
    model = config.get("model")
    said = group in GROUPS and config.get(group) == OWN
    return said and isinstance(model, Mapping) and learns_by_itself(model)
