"""From a config node to the object it describes: the only place that calls Hydra's `instantiate`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from groundup.errors import UserError


def build(node: Mapping[str, Any], **extra: Any) -> Any:
    """Builds what `_target_` names from the node's other keys, its `name` left out, and `extra`.

    `extra` is handed over as it is, never copied or converted. A node with `_partial_` gives a function that waits for
    more arguments.

    Raises:
        UserError: there is no such target, or it does not take these arguments.
    """
    return build_as_is({key: value for key, value in node.items() if key != "name"}, **extra)


def build_as_is(node: Mapping[str, Any], **extra: Any) -> Any:
    """As `build`, for callbacks and loggers, which are called by their key: a `name` is an argument as any other."""
    try:
        factory = instantiate(dict(node) | {"_partial_": True}, _convert_="all")
    except InstantiationException as error:
        raise UserError(f"_target_={node.get('_target_')}: {_innermost(error)}") from error
    if node.get("_partial_"):
        return functools.partial(factory, **extra)
    _refuse_wrong_arguments(factory, extra, str(node["_target_"]))
    return factory(**extra)


def computes_in_numpy(model: Mapping[str, Any]) -> bool:
    """Whether a model's node describes a hand-written network, which knows neither torch nor GPUs."""
    return str(model.get("_target_")).startswith("groundup.numpy_nets.")


def _refuse_wrong_arguments(factory: Any, extra: Mapping[str, Any], target: str) -> None:
    try:
        signature = inspect.signature(factory)
    except ValueError:  # a builtin that does not tell
        return
    try:
        signature.bind(**extra)
    except TypeError as error:
        raise UserError(f"_target_={target}: {error}; its arguments are {signature}") from error


def _innermost(error: Exception) -> str:
    while error.__cause__ is not None:  # the innermost knows best
        error = error.__cause__  # type: ignore[assignment]
    return " ".join(str(error).split()) or type(error).__name__
