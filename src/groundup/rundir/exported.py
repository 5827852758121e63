"""What a network's file says of itself, so that it predicts without its run: names, classes, sizes. No torch."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from groundup.spec import DatasetSpec

IMAGES, PROBABILITIES, CLASS = "images", "probabilities", "class"  # of the graph: its input, its outputs
METADATA = "groundup"  # the entry that holds `facts`, as JSON
FORMAT = 1


READING = ("resize", "decode", "bits")  # keys of an image folder: how files become the pixels that the graph takes


def facts_of(spec: DatasetSpec, model: str, data: Mapping[str, Any], versions: Mapping[str, Any]) -> dict[str, Any]:
    """What predictions need to know beside the graph: for `read_facts`.

    Args:
        data: the config of the run's data.
    """
    return {
        "format": FORMAT,
        **spec.plain(),
        "background": data.get("background", "white"),
        "reading": {key: data[key] for key in READING if key in data},
        "model": model,
        "input": f"uint8 (N, {spec.channels}, {spec.height}, {spec.width}), 0..255, not normalised",
        "versions": dict(versions),
    }


def read_facts(text: str) -> tuple[DatasetSpec, Any]:
    """The spec and the background of a network's file, which may be a stranger's.

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
    return spec, _background(found.get("background"))


def _background(value: Any) -> Any:
    if isinstance(value, str) and value.isalpha() and len(value) < 40:
        return value
    if isinstance(value, list) and len(value) == 3 and all(type(v) is int and 0 <= v <= 255 for v in value):
        return value
    raise ValueError(f"background cannot be {str(value)[:40]}")


def largest_difference(one: Any, other: Any) -> float:
    """Of two arrays of probabilities; NaN where one of them has no numbers."""
    difference = float(abs(one - other).max()) if len(one) else 0.0
    return difference if math.isfinite(difference) else math.nan
