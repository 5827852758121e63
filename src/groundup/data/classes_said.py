"""Who says what classes there are: the config of a data module, the module itself, or its training data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from lightning.pytorch import LightningDataModule

NUMBER, NAMES = "num_classes", ("class_names", "classes")  # attributes of a data module, or of a data set


def names_said(module: LightningDataModule, data: Mapping[str, Any], dataset: Any) -> tuple[str, ...] | None:
    """The names of the classes, or their numbers for want of names, by who says it first; None where nobody does."""
    number = _as_number(data.get(NUMBER))
    names: tuple[str, ...] | None = None
    for each in (module, *_within(dataset)):
        own, own_names = _as_number(getattr(each, NUMBER, None)), None
        for key in NAMES:
            said = getattr(each, key, None)
            own, own_names = own or _as_number(said), own_names or _as_names(said)
        number = number or own or (len(own_names) if own_names else None)
        names = names or own_names
    if number is None:
        return None
    return names if names is not None and len(names) == number else tuple(map(str, range(number)))


def _within(dataset: Any) -> Iterator[Any]:
    """A data set, and what it is made of, as a Subset is."""
    while dataset is not None:
        yield dataset
        parts = getattr(dataset, "datasets", None)
        dataset = parts[0] if isinstance(parts, list | tuple) and parts else getattr(dataset, "dataset", None)


def _as_number(said: Any) -> int | None:
    whole = isinstance(said, int | np.integer) and not isinstance(said, bool)
    return int(said) if whole and said >= 1 else None


def _as_names(said: Any) -> tuple[str, ...] | None:
    if not isinstance(said, list | tuple) or not said or not all(isinstance(name, str | int) for name in said):
        return None
    return tuple(map(str, said))
