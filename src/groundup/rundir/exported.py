"""What a network's file says of itself, so that it predicts without its run: names, classes, sizes. No torch."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from groundup.spec import MOST_PIXELS, DatasetSpec, Usual

IMAGES, PROBABILITIES, CLASS = "images", "probabilities", "class"  # of the graph: its input, its outputs
METADATA = "groundup"  # the entry that holds `facts`, as JSON
FORMAT = 1


def facts_of(
    spec: DatasetSpec, model: str, manner: Mapping[str, Any], usual: Usual, versions: Mapping[str, Any]
) -> dict[str, Any]:
    """What predictions need to know beside the graph: for `read_facts`."""
    return {
        "format": FORMAT,
        **spec.plain(),
        "manner": dict(manner),
        "usual": usual,
        "model": model,
        "input": f"uint8 (N, {spec.channels}, {spec.height}, {spec.width}), 0..255, not normalised",
        "versions": dict(versions),
    }


def read_facts(text: str) -> tuple[DatasetSpec, dict[str, Any], Usual]:
    """The spec of a network's file, which may be a stranger's, how its images are read, and what pixels are usual.

    Raises:
        ValueError: they are not there, or are none.
    """
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"no facts of format {FORMAT}")
    names = [field.name for field in fields(DatasetSpec)]
    if missing := [name for name in names if name not in found]:
        raise ValueError(f"no {missing[0]}")
    values: dict[str, Any] = {name: tuple(value) if isinstance(value := found[name], list) else value for name in names}
    spec = DatasetSpec(**values)
    if not spec.mean:
        raise ValueError("no mean and std")
    manner = found.get("manner")
    if not isinstance(manner, dict) or not all(_MANNER.get(key, _never)(value) for key, value in manner.items()):
        raise ValueError(f"manner cannot be {str(manner)[:60]}")
    return spec, manner, _usual(found.get("usual"))


def _usual(said: Any) -> Usual:
    if said is None:
        return None
    numbers = isinstance(said, list) and all(isinstance(each, float) and 0 <= each <= 1 for each in said)
    if not numbers or len(said) != 2:
        raise ValueError(f"usual cannot be {str(said)[:60]}")
    return said[0], said[1]


def _is_colour(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) == 3 and all(type(each) is int and 0 <= each <= 255 for each in value)
    return isinstance(value, str) and value.isalpha() and len(value) < 40


def _never(value: Any) -> bool:
    return False


_MANNER: dict[str, Callable[[Any], bool]] = {
    "background": _is_colour,
    "resize": lambda value: value in ("squash", "crop", "pad"),
    "decode": lambda value: value in ("fast", "exact"),
    "bits": lambda value: value is None or (type(value) is int and 8 <= value <= 16),
    "max_pixels": lambda value: type(value) is int and 1 <= value <= MOST_PIXELS,
}


def largest_difference(one: Any, other: Any) -> float:
    """Of two arrays of probabilities; NaN where one of them has no numbers."""
    difference = float(abs(one - other).max()) if len(one) else 0.0
    return difference if math.isfinite(difference) else math.nan
