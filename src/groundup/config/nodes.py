"""The nodes of a config: mappings with a `_target_`, which say what to build, wherever they stand. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Place = tuple[str, ...]  # keys, and numbers in lists, from the outside in


def nodes(value: Any, place: Place = ()) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Every node in a value, itself too, with its place, the outer one before those within."""
    if isinstance(value, Mapping) and "_target_" in value:
        yield place, value
    for key, item in items(value):
        yield from nodes(item, (*place, key))


def has_node(value: Any) -> bool:
    """Whether a value describes, somewhere, something to build."""
    return next(nodes(value), None) is not None


def items(value: Any) -> Iterator[tuple[str, Any]]:
    """What stands in a mapping or a list, by its key or its number; of anything else nothing."""
    if isinstance(value, Mapping):
        yield from ((str(key), item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        yield from ((str(index), item) for index, item in enumerate(value))
