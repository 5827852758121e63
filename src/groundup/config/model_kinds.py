"""What the node of a model makes: told by class, wherever it comes from. Imports torch for a foreign target alone."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Any

from groundup.borrowed.hydra import locate
from groundup.config.rooms import options_of
from groundup.options import ModelKind

# From the most special: a Learner is a LightningModule, too, and that a network.
CLASSES = {
    "groundup.numpy_nets.chain.Chain": ModelKind.NUMPY,
    "groundup.learning.learner.Learner": ModelKind.LEARNER,
    "lightning.pytorch.LightningModule": ModelKind.MODULE,
    "torch.nn.Module": ModelKind.NETWORK,
}


def model_kind(node: Mapping[str, Any]) -> ModelKind | None:
    """What the node of a model makes: by its options where it is one of ours, else by its class.

    What a function makes its annotation tells. None where it does not, or where there is nothing of the name: then it
    is seen once it is made.
    """
    options = options_of("model", node)
    if options is not None:
        return options.kind
    if node.get("_partial_"):  # a function that waits for more, whatever it would make
        return None
    try:
        found = locate(str(node.get("_target_")))
    except (ImportError, ValueError, AttributeError):  # what is wrong with it is said when it is built
        return None
    made = found if isinstance(found, type) else _made_by(found)
    return kind_of_class(made) if isinstance(made, type) else None


def kind_of_class(made: type) -> ModelKind | None:
    """What objects of a class are; None where they are no model."""
    return next((kind for name, kind in CLASSES.items() if issubclass(made, locate(name))), None)


def computes_in_numpy(node: Mapping[str, Any]) -> bool:
    """Whether the node of a model is known to make a hand-written network, which knows neither torch nor GPUs."""
    return model_kind(node) is ModelKind.NUMPY


def learns_by_itself(node: Mapping[str, Any]) -> bool:
    """Whether the node of a model is known to make a LightningModule with a loss and optimizers of its own."""
    return model_kind(node) is ModelKind.MODULE


def _made_by(function: Callable[..., Any]) -> Any:
    try:
        return typing.get_type_hints(function).get("return")
    except Exception:  # of any kind: an annotation may name what is imported for type checkers alone
        return None
