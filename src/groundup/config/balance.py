"""Keys that even out classes, where they cannot work. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundup.config.model_kinds import model_kind
from groundup.config.rooms import options_of
from groundup.config.validation import shown
from groundup.data.whose import has_our_keys
from groundup.errors import UserError
from groundup.options import ModelKind
from groundup.spec import DatasetSpec

BACKPROPAGATION = (ModelKind.NETWORK, ModelKind.NUMPY)


def refuse_wrong_balance(config: Mapping[str, Any]) -> None:
    """Refuses weights of classes that nobody would look at, and classes that would be evened out twice.

    Raises:
        UserError: naming the keys.
    """
    weights, data, model = _weights(config["loss"]), config["data"], config["model"]
    if weights is None:
        return
    said = f"loss.class_weights={shown(weights)}"
    if not has_our_keys(data):
        raise UserError(
            f"{said} with data={data['name']}: the images of each class are not known of a data module with loaders of "
            "its own; accepted: null, or a loss of PyTorch with its weight"
        )
    if model_kind(model) not in (*BACKPROPAGATION, None):
        refuse_weights_nobody_looks_at(config)
    if weights == "balanced" and data.get("sampler") == "balanced":
        raise UserError(f"{said} with data.sampler=balanced: rare classes would count twice more; choose one")


def refuse_weights_nobody_looks_at(config: Mapping[str, Any]) -> None:
    """Refuses weights of classes with a model that learns in a way of its own.

    Raises:
        UserError: there are some.
    """
    if (weights := _weights(config["loss"])) is not None:
        raise UserError(
            f"loss.class_weights={shown(weights)} with model={config['model']['name']}: it learns in a way of its own, "
            "which does not weigh images; accepted: null, or data.sampler=balanced"
        )


def refuse_other_weights(loss: Mapping[str, Any], spec: DatasetSpec) -> None:
    """Refuses weights that are not one for each class.

    Raises:
        UserError: saying how many classes there are.
    """
    weights = _weights(loss)
    if isinstance(weights, list) and len(weights) != spec.num_classes:
        raise UserError(
            f"loss.class_weights={shown(weights)}: {len(weights)} numbers, and data={spec.name} has {spec.num_classes} "
            "classes; accepted: a number for each, or balanced"
        )


def _weights(loss: Mapping[str, Any]) -> Any:
    """What a loss of ours says of weights; somebody else's key of this name is its own."""
    return loss.get("class_weights") if options_of("loss", loss) is not None else None
