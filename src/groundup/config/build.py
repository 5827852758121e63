"""From a config node to the object it describes: the only place that calls Hydra's `instantiate`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Collection, Mapping
from textwrap import shorten
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from groundup.borrowed.hydra import locate
from groundup.config.located import find_package
from groundup.config.nodes import has_node
from groundup.config.rooms import ships
from groundup.config.signature import converted
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
    return _finish(node, _factory(node), extra)


def build_by_name(node: Mapping[str, Any], offered: Mapping[str, Any], to_any: Collection[str] = ()) -> Any:
    """As `build`, with as much of `offered` as the signature names and the node does not give itself.

    Args:
        node: says what to build.
        offered: by name.
        to_any: the names of those that are given, too, where a signature takes names of any kind.

    Raises:
        UserError: as `build`.
    """
    own = {key: value for key, value in node.items() if key != "name"}
    factory = _factory(own)
    named, takes_any = named_arguments(factory)
    wanted = {*named, *(to_any if takes_any else ())} - own.keys()
    return _finish(own, factory, {key: value for key, value in offered.items() if key in wanted})


def of_bases(node: Mapping[str, Any], offered: Collection[str]) -> set[str]:
    """Which of these names a class takes by names of any kind and hands on; of a function nobody knows."""
    find_package(str(node.get("_target_")))
    try:
        return names_of_bases(locate(str(node.get("_target_")))) & set(offered)
    except (ImportError, ValueError, AttributeError):  # it is said when it is built
        return set()


def named_arguments(factory: Any) -> tuple[set[str], bool]:
    """The names of the arguments of a class or function, and whether it takes any others."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (ValueError, TypeError):  # a builtin that does not tell
        return set(), False
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
    any_name = inspect.Parameter.VAR_KEYWORD
    named = {each.name for each in parameters if each.kind not in (*by_position, any_name)}
    return named, any(each.kind is any_name for each in parameters)


def names_of_bases(made: Any) -> set[str]:
    """What a class takes by names of any kind and hands on: the arguments of the classes above, as far as those go."""
    names: set[str] = set()
    for base in made.__mro__ if isinstance(made, type) else ():
        if "__init__" in vars(base):
            named, takes_any = named_arguments(base)
            names |= named
            if not takes_any:
                break
    return names


def _factory(node: Mapping[str, Any]) -> Any:
    """What waits for the remaining arguments. Nodes within are built; values become what their annotations say."""
    target, whole = node.get("_target_"), node.get("_recursive_") is False
    if not isinstance(target, str) or not target:
        raise UserError(f"_target_={target}: must be the dotted name of a class or function")
    within = {} if whole else {key: _build_within(value) for key, value in node.items() if has_node(value)}
    try:
        if not ships(target):
            find_package(target)
        settings = {key: value for key, value in node.items() if key not in within}
        factory = instantiate(settings | {"_partial_": True}, _convert_="all")
    except InstantiationException as error:
        raise UserError(f"_target_={target}: {_innermost(error)}") from error
    values = factory.keywords if ships(target) else converted(target, factory.keywords)
    arguments = within.pop("_args_", factory.args)
    return functools.partial(factory.func, *arguments, **values, **within)


def _build_within(value: Any) -> Any:
    """A value whose nodes, at any depth, are built."""
    if isinstance(value, Mapping):
        return build_as_is(value) if "_target_" in value else {key: _build_within(item) for key, item in value.items()}
    return [_build_within(item) for item in value] if isinstance(value, list) else value


def _finish(node: Mapping[str, Any], factory: Any, extra: Mapping[str, Any]) -> Any:
    if node.get("_partial_"):
        return functools.partial(factory, **extra)
    _refuse_wrong_arguments(factory, extra, str(node["_target_"]))
    return factory(**extra)


def _refuse_wrong_arguments(factory: Any, extra: Mapping[str, Any], target: str) -> None:
    try:
        signature = inspect.signature(factory)
    except ValueError:  # a builtin that does not tell
        return
    try:
        signature.bind(**extra)
    except TypeError as error:
        known = shorten(", ".join(signature.parameters), 700, placeholder="…")
        raise UserError(f"_target_={target}: {error}; its arguments are {known}") from error


def _innermost(error: Exception) -> str:
    while error.__cause__ is not None:  # the innermost knows best
        error = error.__cause__  # type: ignore[assignment]
    return " ".join(str(error).split()) or type(error).__name__
