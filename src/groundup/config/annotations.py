"""From the annotation of a parameter to what a value in YAML must be for it, and becomes. Imports no torch.

YAML has lists, mappings, strings, numbers, true, false and null. A list stands for a tuple or a set too, a string for a
path, a string or a number for a member of an enumeration. A node with a `_target_`
describes what no plain value stands for, such as a network. Nodes, and annotations that say nothing, are not checked.
"""

from __future__ import annotations

import enum
import inspect
import numbers
import os
import sys
from collections import abc
from collections.abc import Callable
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

from pydantic import BeforeValidator, PlainValidator
from pydantic_core import PydanticCustomError

SCALARS = (str, int, float, bool)
NUMBERS = (numbers.Number, numbers.Complex, numbers.Real)
LISTS = (list, abc.Sequence, abc.MutableSequence, abc.Collection, abc.Iterable, abc.Container, abc.Reversible)
SETS = (set, frozenset, abc.Set, abc.MutableSet)
MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)


def judged(annotation: Any) -> Any:
    """What pydantic holds a value against in the place of an annotation; `Any` where that says nothing of values."""
    if isinstance(annotation, NewType):
        return judged(annotation.__supertype__)
    if type(annotation).__name__ == "TypeAliasType":  # of Python 3.12
        return judged(annotation.__value__)
    if any(annotation is plain for plain in (*SCALARS, None, NoneType)):
        return annotation
    if any(annotation is number for number in NUMBERS):
        return int | float
    origin, arguments = get_origin(annotation) or annotation, get_args(annotation)
    if origin is Annotated:
        return Annotated[judged(arguments[0]), *annotation.__metadata__]
    if origin is Literal:
        return annotation
    if origin in (Union, UnionType):
        return _union(arguments)
    if isinstance(origin, type) and (container := _container(origin, arguments)) is not None:
        return container
    if isinstance(origin, type) and issubclass(origin, enum.Enum):
        return Annotated[Any, PlainValidator(_member_of(origin))]
    if isinstance(origin, type) and issubclass(origin, os.PathLike):
        return Annotated[Any, PlainValidator(_path_of(Path if inspect.isabstract(origin) else origin))]
    return NOT_PLAIN if origin is abc.Callable or origin is type or _is_network(origin) else Any


def _union(members: tuple[Any, ...]) -> Any:
    """A word is no tensor where a number or a tensor is asked for; of a device, or nothing, it may be the name."""
    judgements = [judged(member) for member in members]
    if any(judgement not in (Any, None, NoneType) for judgement in judgements):
        judgements = [NOT_PLAIN if judgement is Any else judgement for judgement in judgements]
    return Any if Any in judgements else Union[tuple(judgements)]  # noqa: UP007  # of as many as there are


def _container(origin: type, arguments: tuple[Any, ...]) -> Any:
    if origin is tuple:
        return _tuple(arguments)
    inner = tuple(judged(argument) for argument in arguments)
    if origin in MAPPINGS:
        return dict[inner] if len(inner) == 2 else dict  # type: ignore[valid-type,misc]
    if origin in LISTS:
        return list[inner] if inner else list  # type: ignore[valid-type]
    if origin in SETS:
        kind: Any = frozenset if origin is frozenset else set
        return Annotated[kind[inner] if inner else kind, BeforeValidator(_from_list(kind))]
    return None


def _tuple(arguments: tuple[Any, ...]) -> Any:
    if not arguments:
        return Annotated[tuple, BeforeValidator(_from_list(tuple))]
    if arguments[-1] is Ellipsis:
        return Annotated[tuple[judged(arguments[0]), ...], BeforeValidator(_from_list(tuple))]  # type: ignore[misc]
    inner = tuple(judged(argument) for argument in arguments if argument != ())
    return Annotated[tuple[inner], BeforeValidator(_from_list(tuple, len(inner)))]  # type: ignore[valid-type]


def _from_list(kind: Callable[[list[Any]], Any], length: int | None = None) -> Callable[[Any], Any]:
    def make(value: Any) -> Any:
        if not isinstance(value, list | tuple) or (length is not None and len(value) != length):
            # of a type of its own: what the message adds to `list_type` is the value in brackets
            wanted = "must be a list" if length is None else f"must be a list of {length}"
            raise PydanticCustomError("list_type" if length is None else "length", wanted)
        try:
            return kind(list(value))
        except TypeError as error:  # a set of lists
            raise PydanticCustomError("set", "must be a list of plain values") from error

    return make


def _member_of(enumeration: type[enum.Enum]) -> Callable[[Any], enum.Enum]:
    """By its name, as Hydra's own configs have it, or by its value; a name is looked for first."""
    members = {str(member.value): member for member in enumeration} | dict(enumeration.__members__)

    def find(value: Any) -> enum.Enum:
        if isinstance(value, enumeration):
            return value
        found = None if isinstance(value, bool) else members.get(str(value))
        if found is None:
            raise PydanticCustomError("enum", f"must be {_listed([repr(name) for name in enumeration.__members__])}")
        return found

    return find


def _path_of(kind: Any) -> Callable[[Any], Any]:
    def make(value: Any) -> Any:
        if isinstance(value, os.PathLike):
            return value
        if not isinstance(value, str) or not value.strip():
            raise PydanticCustomError("path", "must be a path")
        return kind(value)

    return make


def _not_plain(value: Any) -> Any:
    if isinstance(value, SCALARS):
        raise PydanticCustomError("not_plain", "must be keys with a _target_")
    return value


NOT_PLAIN = Annotated[Any, PlainValidator(_not_plain)]


def _is_network(kind: Any) -> bool:
    """Whether an annotation is a torch.nn.Module; without torch, which has been imported where there is one."""
    torch_nn = sys.modules.get("torch.nn")
    return torch_nn is not None and isinstance(kind, type) and issubclass(kind, torch_nn.Module)


def _listed(names: list[str]) -> str:
    """As pydantic lists those of a Literal."""
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
