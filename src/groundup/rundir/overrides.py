"""The overrides that make a job: which keys vary between jobs, and what a job is called by them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def varied_keys(jobs: Iterable[list[str]]) -> list[str]:
    """The keys whose values differ between jobs, or that not all of them have, in the order of the command line."""
    found = [dict(_pairs(overrides)) for overrides in jobs]
    keys = dict.fromkeys(key for values in found for key in values)
    return [key for key in keys if len({values.get(key) for values in found}) > 1]


def _pairs(overrides: Iterable[str]) -> Iterator[tuple[str, str]]:
    for override in overrides:
        key, _, value = override.partition("=")
        yield key.lstrip("+"), value


def shown(overrides: Iterable[str], keys: Iterable[str]) -> dict[str, str]:
    """The values of these keys in a job, as they were typed."""
    values = dict(_pairs(overrides))
    return {key: values[key] for key in keys if key in values}


def value_in(config: Mapping[str, Any], key: str) -> str | None:
    """What a config says of a key that was not given, as it would be typed; None where it says nothing, or much."""
    found: Any = config
    for part in key.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    if isinstance(found, Mapping):
        found = found.get("name")  # of a group the chosen option
        return found if isinstance(found, str) else None
    if isinstance(found, list) and not all(isinstance(item, int | float | str) for item in found):
        return None
    return found if isinstance(found, str) else json.dumps(found, separators=(",", ":"))


def label(overrides: Iterable[str], keys: Iterable[str]) -> str:
    """A job in the words that tell it from the others: `model=mlp seed=0`."""
    return in_words(shown(overrides, keys))


def in_words(values: Mapping[str, str]) -> str:
    """`model=mlp optimizer.lr=0.1`"""
    return " ".join(f"{key}={value}" for key, value in values.items())
