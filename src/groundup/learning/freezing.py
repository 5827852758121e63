"""Weights that do not learn, by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from torch import nn

from groundup.errors import UserError
from groundup.learning.begin_from import short


def freeze(module: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Has parameters keep what they are: those of these names, and all within modules of these names.

    Args:
        module: its names are as in its table of layers: of a `Learner` without `net.`.
        patterns: names, in which `*` stands for anything.

    Returns:
        Their names.

    Raises:
        UserError: a pattern is of none, or nothing is left to learn.
    """
    parameters = {short(module, name): p for name, p in module.named_parameters(remove_duplicate=False)}
    frozen: dict[str, nn.Parameter] = {}
    for pattern in patterns:
        found = {name: p for name, p in parameters.items() if any(fnmatchcase(each, pattern) for each in _path(name))}
        if not found:
            raise UserError(f"freeze=[{pattern}]: {_unknown(short(module, pattern), list(parameters))}")
        frozen |= found
    ids = set(map(id, frozen.values()))
    if all(id(p) in ids or not p.requires_grad for p in parameters.values()):
        raise UserError(f"freeze=[{','.join(patterns)}]: that is all there is, and nothing is left to learn")
    for parameter in frozen.values():
        parameter.requires_grad_(False)
    return list(frozen)


def frozen_modules(module: nn.Module, frozen: Sequence[str]) -> list[nn.Module]:
    """The outermost modules of which nothing learns because of what is frozen."""
    names = set(frozen)

    def within(place: str, part: nn.Module) -> Iterator[nn.Module]:
        own = [(short(module, f"{place}{name}"), p) for name, p in part.named_parameters()]
        if any(name in names for name, _ in own) and not any(p.requires_grad for _, p in own):
            yield part
            return
        for name, child in part.named_children():
            yield from within(f"{place}{name}.", child)

    return list(within("", module))


def _path(name: str) -> list[str]:
    """A parameter's name, and those of the modules that it is in: `a.b.weight`, `a.b` and `a`."""
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(len(parts), 0, -1)]


def _unknown(pattern: str, parameters: Sequence[str]) -> str:
    names = dict.fromkeys(name for parameter in parameters for name in reversed(_path(parameter)))
    meant = difflib.get_close_matches(pattern, names, n=1)
    tops = dict.fromkeys(name.partition(".")[0] for name in parameters)
    hint = f"did you mean {meant[0]}? " if meant else ""
    return f"no layer and no parameter has such a name; {hint}The first parts of names are {', '.join(tops)}"
