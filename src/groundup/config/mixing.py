"""Mixtures of images, where nobody would learn from them rightly. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundup.config.balance import BACKPROPAGATION
from groundup.config.model_kinds import model_kind
from groundup.config.rooms import accepted, all_options, options_of
from groundup.data.augment_names import MIXING
from groundup.data.whose import has_our_keys
from groundup.errors import UserError


def refuse_wrong_mixing(config: Mapping[str, Any]) -> None:
    """Refuses `mixup` and `cutmix` with what takes a label for a single class, and where there is nothing to mix.

    Raises:
        UserError: naming both keys.
    """
    data = config["data"]
    if not (names := mixes(data)):
        return
    if model_kind(config["model"]) not in (*BACKPROPAGATION, None):
        refuse_mixing(config)
    if options_of("loss", config["loss"]) is None:
        ours = ", ".join(name for each in all_options("loss") for name in accepted(each, "name"))
        raise UserError(
            f"data.augment={names[0]} with loss={config['loss']['name']}: a mixture has two classes, each with a "
            f"share, and this loss may take one; accepted: {ours}"
        )
    if len(names) > len(set(names)):
        raise UserError(f"data.augment=[{', '.join(names)}]: accepted: mixup and cutmix once each")
    if data["batch_size"] == 1:
        raise UserError(
            f"data.augment={names[0]} with data.batch_size=1: there is nothing to mix with; accepted: at least 2"
        )


def refuse_mixing(config: Mapping[str, Any]) -> None:
    """Refuses mixtures with a model that learns in a way of its own.

    Raises:
        UserError: there would be some.
    """
    if names := mixes(config["data"]):
        raise UserError(
            f"data.augment={names[0]} with model={config['model']['name']}: a mixture has two classes, each with a "
            "share, and this way of learning takes one; accepted: networks that learn by back-propagation, or other "
            "augmentations"
        )


def mixes(data: Mapping[str, Any]) -> list[str]:
    """The names in `data.augment` that mix images."""
    given = data.get("augment") if has_our_keys(data) else None
    return [name for name in ([given] if isinstance(given, str) else given or []) if name in MIXING]
