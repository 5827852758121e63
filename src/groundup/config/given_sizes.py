"""The sizes of its images and the number of its classes, which a model is given. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundup.config.validation import shown
from groundup.errors import UserError
from groundup.spec import DatasetSpec


def sizes_of(spec: DatasetSpec) -> dict[str, Any]:
    """What the arguments of a model are called that follow from its images, and their values."""
    return {"in_channels": spec.channels, "image_size": spec.image_size, "num_classes": spec.num_classes}


def refuse_other_sizes(model: Mapping[str, Any], spec: DatasetSpec) -> None:
    """Refuses the node of a model that gives a size itself, and another than its images have.

    Raises:
        UserError: naming the key.
    """
    for key, size in sizes_of(spec).items():
        given = model.get(key, size)
        if not _is_same(given, size):
            raise UserError(
                f"model.{key}={shown(given)} with data={spec.name}, which has {key}={_written(size)}: the images "
                f"decide this key; accepted: that value, or no key: ~model.{key}"
            )


def _is_same(given: Any, size: Any) -> bool:
    """Whether they are, though a pair may be written as a list, and a square by its side."""
    if not isinstance(size, tuple):
        return type(given) is int and given == size
    return tuple(given) == size if isinstance(given, list | tuple) else (given, given) == size


def _written(size: Any) -> str:
    return shown(list(size)) if isinstance(size, tuple) else shown(size)
