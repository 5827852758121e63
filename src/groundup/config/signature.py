"""What a part of somebody else's may be told, made of its signature as ours is of its options.

Imports the module that the part is in, and torch only if that does.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Annotated, Any, Literal, NamedTuple, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, WrapValidator, create_model

from groundup.config.annotations import judged
from groundup.config.located import located
from groundup.config.model_kinds import kind_of_class
from groundup.config.nodes import has_node
from groundup.config.rooms import options_of
from groundup.errors import UserError
from groundup.options import ModelKind, Node, Positive

TO_LEARNERS = ("spec", "loss", "optimizer", "lr_schedule", "seed")
TO_DATA = ("spec", "seed")
FOLDERS = ("save_dir", "root_dir", "log_dir")  # of a logger; where the config names none, that of the run
TO_NETWORKS = ("in_channels", "image_size", "num_classes", "spec")
GIVEN = {  # by the run to whatever has arguments of these names, and so not asked of the config
    "model": (*TO_NETWORKS, "rng", *TO_LEARNERS),  # a function need not say what it makes
    "data": TO_DATA,
    "logger": ("run_dir", "first_step", *FOLDERS),
}
TO_MODELS = {  # of a class of this kind
    ModelKind.NETWORK: TO_NETWORKS,
    ModelKind.MODULE: TO_NETWORKS,
    ModelKind.NUMPY: (*TO_NETWORKS, "rng"),
}
TIMING = ("interval", "frequency", "monitor")  # beside the arguments of a scheduler of PyTorch; looked at elsewhere
KEYWORDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Foreign(Node):
    """Of a part of somebody else's: Hydra's own keys; a subclass has those of a signature."""

    model_config = ConfigDict(allow_inf_nan=True, arbitrary_types_allowed=True)

    target: Any = Field(alias="_target_")
    partial: bool = Field(default=False, alias="_partial_")
    convert: Literal["none", "partial", "object", "all"] = Field(default="all", alias="_convert_")
    recursive: bool = Field(default=True, alias="_recursive_")
    positional: list = Field(default_factory=list, alias="_args_")


class Signature(NamedTuple):
    """What a target may be told.

    Attributes:
        options: the keys, as those of parts of ours are described.
        given: the keys that the run gives itself, whatever the node says, so that it may not say them.
    """

    options: type[Node]
    given: tuple[str, ...]


@dataclass(frozen=True)
class Argument:
    """A parameter: what pydantic holds values against, its default, which may be anything, and whether it is listed."""

    kind: Any
    default: Any = inspect.Parameter.empty
    is_asked: bool = True


def signature_of(group: str | None, node: Mapping[str, Any]) -> Signature | None:
    """What a node of this group may be told; None where its target does not say.

    Args:
        group: None for a node within another.

    Raises:
        UserError: there is no such target.
    """
    partial = node.get("_partial_") is True
    return _signature(group, node["_target_"], str(node.get("name")), partial, len(node.get("_args_") or ()))


def converted(target: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of arguments as their annotations have them: a list as a tuple, a string as a path, or as an enumeration's
    member. What cannot be converted, or is not annotated, stays as it is.
    """
    try:
        signature = _signature(None, target, "", True, 0)
        made = signature.options.model_validate({"_target_": target, **values}) if signature else None
    except (UserError, ValidationError):  # what is wrong is said where a config is checked
        made = None
    fields = type(made).model_fields if made is not None else {}
    said = {field.alias or key: getattr(made, key) for key, field in fields.items()}
    return {key: said.get(key, value) for key, value in values.items()}


@functools.cache
def _signature(group: str | None, target: str, name: str, partial: bool, positional: int) -> Signature | None:
    found = located(target)
    try:
        parameters = list(inspect.signature(found).parameters.values())
    except (ValueError, TypeError):  # a builtin that does not tell
        return None
    arguments = _all_arguments(group, found, name, parameters)
    by_run = _given_by_name(group, found)
    waits_for = _waits_for(group, found, parameters) if partial else 0
    for key in arguments.keys() & _not_asked(group, partial, parameters, positional + waits_for, by_run):
        arguments[key] = replace(arguments[key], default=None, is_asked=key in FOLDERS)
    given = _given(group, found)
    arguments = {key: argument for key, argument in arguments.items() if key not in given}
    if group == "data" and given != TO_DATA:  # of a plain data module, for us where it has no such argument itself
        arguments.setdefault("num_classes", Argument(Positive, None))
    is_open = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
    is_open = is_open and given != TO_DATA  # what is derived from ImageData hands them to it, which has no others
    return Signature(_options(target, arguments, is_open, group), given)


def _given_by_name(group: str | None, found: Any) -> tuple[str, ...]:
    kind = kind_of_class(found) if group == "model" and isinstance(found, type) else None
    everything = GIVEN.get(group or "", ())
    return everything if kind is None else TO_MODELS.get(kind, everything)


def _waits_for(group: str | None, found: Any, parameters: Sequence[inspect.Parameter]) -> int:
    """How many arguments a run hands over by position when it calls what a node with `_partial_` gives."""
    is_schedule = group == "scheduler" and not isinstance(found, type) and parameters[:1]
    if is_schedule and parameters[0].name != "optimizer":  # of (step, total_steps, steps_per_epoch)
        return 3
    return 1 if group in ("optimizer", "scheduler") else 0  # the parameters, or the optimizer


def _not_asked(
    group: str | None, partial: bool, parameters: Sequence[inspect.Parameter], positional: int, by_run: Sequence[str]
) -> set[str]:
    """Arguments that may be left out of a node, though the signature has no default for them."""
    names = [parameter.name for parameter in parameters]
    if partial and group in ("optimizer", "scheduler"):
        return {*names[:positional]}
    if partial:  # the rest comes when it is called
        return set(names)
    return {*names[:positional], *by_run}


def _given(group: str | None, found: Any) -> tuple[str, ...]:
    if group == "model" and _is_a(found, "groundup.learning.learner", "Learner"):
        return TO_LEARNERS
    if group == "data" and _is_a(found, "groundup.data.module", "ImageData"):
        return TO_DATA
    return ()


def _is_a(found: Any, module: str, name: str) -> bool:
    """Whether it is derived from a class of ours: of a module that has been imported, if so, with its own."""
    imported = sys.modules.get(module)
    return imported is not None and isinstance(found, type) and issubclass(found, getattr(imported, name))


def _all_arguments(
    group: str | None, found: Any, name: str, parameters: Sequence[inspect.Parameter]
) -> dict[str, Argument]:
    """By name; where there are `**options`, those of the class that it is derived from too, which may all be left out.

    What a class of ours takes is described by its options.
    """
    providers = _providers(found)
    function = next(providers, found)
    arguments = _arguments(group, function, name, parameters)
    while any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        if (function := next(providers, None)) is None:
            break
        parameters = list(inspect.signature(vars(function)["__init__"]).parameters.values())[1:]
        inherited, ours = _arguments(group, function, name, parameters), _ours(group, function, name)
        if group == "data" and ours:  # the arguments of our one class for data are those of several kinds
            inherited = {key: argument for key, argument in inherited.items() if key in ours}
        for key, argument in inherited.items():
            arguments.setdefault(key, replace(argument, default=None))
    return arguments


def _providers(found: Any) -> Iterator[type]:
    """The classes in whose `__init__` keys may end up, the class itself or its nearest first."""
    if isinstance(found, type):
        yield from (kind for kind in found.__mro__ if inspect.isfunction(vars(kind).get("__init__")))


def _arguments(
    group: str | None, provider: Any, name: str, parameters: Sequence[inspect.Parameter]
) -> dict[str, Argument]:
    function = inspect.unwrap(
        vars(provider).get("__init__", provider.__new__) if isinstance(provider, type) else provider
    )
    ours = _ours(group, provider, name)
    return {
        parameter.name: Argument(ours.get(parameter.name) or _kind(parameter, function), parameter.default)
        for parameter in parameters
        if parameter.kind in KEYWORDS
    }


def _ours(group: str | None, provider: Any, name: str) -> dict[str, Any]:
    """The kinds of keys that our own options have, where the provider is a class of ours."""
    if group is None or not isinstance(provider, type):
        return {}
    target = f"{provider.__module__}.{provider.__qualname__}"
    options = options_of(group, {"_target_": target, "name": name}) or options_of(group, {"_target_": target})
    fields = {} if options is None else options.model_fields
    return {
        key: Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        for key, field in fields.items()
        if not field.alias
    }


def _kind(parameter: inspect.Parameter, function: Callable[..., Any]) -> Any:
    """What its annotation asks for; `Any` where it cannot be read, as one for type checkers alone, or not be judged."""
    if parameter.annotation is inspect.Parameter.empty:
        return Any
    holder: Any = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    names = getattr(function, "__globals__", {})
    try:
        kind = judged(get_type_hints(holder, globalns=names, include_extras=True)[parameter.name])
        TypeAdapter(kind)
    except Exception:  # of any kind: annotations are no code that has been run
        return Any
    return kind


def _options(target: str, arguments: Mapping[str, Argument], is_open: bool, group: str | None) -> type[Node]:
    fields: dict[str, Any] = {}
    for number, (key, argument) in enumerate(arguments.items()):
        required = argument.default is inspect.Parameter.empty
        kind: Any = Annotated[argument.kind, WrapValidator(_as_it_is(argument.default))]  # type: ignore[name-defined]
        fields[f"argument_{number}"] = (kind, Field(... if required else None, alias=key, repr=argument.is_asked))
    if group is not None and "name" not in arguments:
        fields["name"] = (Any, None)  # what the part is called
    fields |= {key: (Any, None) for key in TIMING if group == "scheduler" and key not in arguments}
    config = ConfigDict(extra="allow" if is_open else "forbid")
    base = type("Base", (Foreign,), {"model_config": config, "__module__": __name__})
    return create_model(target.rpartition(".")[2], __base__=base, **fields)


def _as_it_is(default: Any) -> Callable[[Any, Callable[[Any], Any]], Any]:
    """Leaves a node, and the very default, which is its author's; what remains is held against the annotation."""

    def check(value: Any, judge: Callable[[Any], Any]) -> Any:
        is_default = type(value) is type(default) and value == default
        return value if is_default or has_node(value) else judge(value)

    return check
