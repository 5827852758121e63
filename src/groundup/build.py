"""From a config node to the object it describes: the only place that calls Hydra's `instantiate`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, FunctionType
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate

from groundup.errors import UserError

TRUSTED = ("groundup", "torch", "torchvision", "torchmetrics", "lightning")
# Functions that make networks. Other functions of the trusted packages do things: torch.load, torch.hub.load.
FACTORIES = ("groundup.models", "groundup.learning", "groundup.numpy_nets.models", "torchvision.models", "torch.nn")


def build(node: Mapping[str, Any], **extra: Any) -> Any:
    """Builds what `_target_` names from the node's other keys, its `name` left out, and `extra`.

    `extra` is handed over as it is, never copied or converted. A node with `_partial_` gives a function that waits for
    more arguments.

    Raises:
        UserError: there is no such target, or it does not take these arguments.
    """
    options = {key: value for key, value in node.items() if key != "name"}
    try:
        factory = instantiate(options | {"_partial_": True}, _convert_="all")
    except InstantiationException as error:
        raise UserError(f"_target_={node.get('_target_')}: {_innermost(error)}") from error
    if node.get("_partial_"):
        return functools.partial(factory, **extra)
    _refuse_wrong_arguments(factory, extra, str(node["_target_"]))
    return factory(**extra)


def computes_in_numpy(model: Mapping[str, Any]) -> bool:
    """Whether a model's node describes a hand-written network, which knows neither torch nor GPUs."""
    return str(model.get("_target_")).startswith("groundup.numpy_nets.")


def brings_its_learner(model: Mapping[str, Any]) -> bool:
    """Whether a model's node describes a way of learning with its network; others are trained by back-propagation."""
    return str(model.get("_target_")).startswith("groundup.learning.")


def build_trusted(node: Mapping[str, Any], kind: str, **extra: Any) -> Any:
    """As `build`, for a node of a run directory's config, which a stranger may have written.

    `kind` is the node's key in the config, such as `model`.

    Raises:
        UserError: as `build`, or the node names code that a run's config may not.
    """
    refuse_foreign_targets({kind: node})
    return build(node, **extra)


def refuse_foreign_targets(config: Mapping[str, Any]) -> None:
    """Refuses a config whose `_target_`s, at any depth, are more than the parts of a run. Builds nothing.

    Accepted are classes of networks, data, optimizers, callbacks and the like, and functions that make networks, all
    *defined* in this package, torch, torchvision, torchmetrics or lightning: `groundup.run.os.system` is not.

    Raises:
        UserError: naming the first such target.
    """
    for key, value in _strings("", config):
        if "${" in value:  # would be resolved on building, to anything
            raise UserError(f"{key}={value}: interpolations are refused in the config of a run")
    for key, target in _targets("", config):
        if not isinstance(target, str) or not _is_part(target, of_model=key.split(".")[0] == "model"):
            raise UserError(
                f"{key}={target}: refused; accepted in the config of a run are networks, losses, data, optimizers and "
                f"callbacks defined in {', '.join(TRUSTED)}"
            )


def _is_part(target: str, of_model: bool) -> bool:
    if not _within(target, TRUSTED):
        return False  # not even imported
    try:
        found = get_object(target)
    except (ImportError, ValueError, AttributeError, InstantiationException):
        return False
    if not _within(getattr(found, "__module__", None) or "", TRUSTED) or "." in getattr(found, "__qualname__", "."):
        return False
    if isinstance(found, FunctionType | BuiltinFunctionType):
        factories = FACTORIES if of_model else (*FACTORIES, "groundup.callbacks")
        return _within(found.__module__, factories)
    return isinstance(found, type) and _is_class_of_part(found, of_model)


def _is_class_of_part(found: type, of_model: bool) -> bool:
    import torch
    from lightning.pytorch import Callback, LightningDataModule
    from lightning.pytorch.loggers import Logger

    if of_model:
        return issubclass(found, torch.nn.Module)
    parts = (torch.nn.Module, torch.optim.Optimizer, LightningDataModule, Callback, Logger)
    return issubclass(found, parts) or _within(found.__module__, ("groundup",))


def _within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _strings(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every string of a config, keys too, with its place."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _strings(_join(path, key), str(key))
            yield from _strings(_join(path, key), item)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _strings(_join(path, index), item)


def _targets(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "_target_":
                yield _join(path, key), item
            else:
                yield from _targets(_join(path, key), item)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _targets(_join(path, index), item)


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


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
