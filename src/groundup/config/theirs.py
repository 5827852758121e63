"""Whether a part of a stranger's config is of a package that the user trusts, and is what its place asks for.

A name says little: `mypkg.os.system` begins with a trusted one. It is judged by where it is defined, and by its class.
Imports nothing of a package that is not trusted.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Collection, Iterable
from types import FunctionType, MethodType
from typing import Any

from groundup.borrowed.hydra import locate
from groundup.config.located import located
from groundup.config.trusted import VARIABLE, is_library, is_name, is_within
from groundup.errors import UserError


def why_not_theirs(target: Any, trust: Collection[str], bases: Iterable[str], is_argument: bool) -> str | None:
    """Why a part is not accepted as one that is trusted, for the end of a message; None where it is.

    A class must be of the kind. So must be what a function gives, by its annotation: a package has functions that do
    other things. One that is trusted by its own name is accepted without, and so is a method, what `functools.partial`
    gives, and, as an argument, any class.

    Args:
        target: the dotted name.
        trust: packages, modules and parts, see `config.trusted`.
        bases: names of the classes of its kind.
        is_argument: whether it stands within another part.
    """
    if not is_name(target) or is_library(target) or is_within(target, ("groundup",)):
        return ""
    if not is_within(target, trust):
        package = ",".join((*trust, target.partition(".")[0]))
        return f"; if {package.rpartition(',')[2]} is yours: trust=[{package}] or {VARIABLE}={package}"
    try:
        found = located(target)
    except UserError as error:
        return f"; of what is trusted, {error}"
    called = found.func if isinstance(found, functools.partial) else found
    home, by_name = getattr(called, "__module__", None), target in trust
    if not _is_defined_in(home, trust, by_name):
        return f"; it is defined in {home}, which is not trusted"
    if not isinstance(found, type | FunctionType | MethodType | functools.partial):
        return "; it is no class or function of a module"
    if by_name and (is_argument or not isinstance(found, type)):
        return None
    meant = f"if it is meant: trust=[{','.join((*trust, target))}]"
    if not isinstance(found, type | FunctionType) or "." in found.__qualname__:
        return f"; it is no class or function of a module; {meant}"
    if isinstance(found, type):
        if issubclass(found, classes(bases)):
            return None
        return f"; {target} is none" + (f"; {meant}" if is_argument else "")
    if _gives(found, classes(bases)):
        return None
    return f"; {target} does not say that it gives one: annotate what it returns; {meant}"


def classes(names: Iterable[str]) -> tuple[type, ...]:
    """The classes of these names."""
    return tuple(locate(name) for name in names)


def _is_defined_in(home: Any, trust: Collection[str], by_name: bool) -> bool:
    if not isinstance(home, str) or is_library(home) or is_within(home, ("groundup",)):
        return False
    return by_name or is_within(home, trust)


def _gives(function: FunctionType, kinds: tuple[type, ...]) -> bool:
    try:
        made = typing.get_type_hints(inspect.unwrap(function)).get("return")
    except Exception:  # of any kind: annotations are no code that has been run
        return False
    return isinstance(made, type) and issubclass(made, kinds)
