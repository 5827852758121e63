"""What a model must know of a data set before any image is read. Imports the standard library alone."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

LARGEST = 2**26  # numbers an image: 4,700 x 4,700 pixels in colour
Usual = tuple[float, float] | None  # mean and deviation of training pixels in 0..1, where they are known
MOST_PIXELS = 178_000_000  # of a file, before it is resized; beyond, Pillow refuses by itself


@dataclass(frozen=True)
class DatasetSpec:
    """The contract between data and model; images are `(N, channels, height, width)`.

    `mean` and `std` are per channel, of pixels scaled to 0..1. `train_size` and `test_size` count the published
    splits, before validation is cut from the training split. If images come normalised and it is not known how, `mean`
    and `std` are empty.

    Raises:
        ValueError: a size, a name or a statistic is not valid, or there are too few of them.
    """

    name: str
    channels: int
    height: int
    width: int
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    train_size: int
    test_size: int

    def __post_init__(self) -> None:
        """Specs come from files, too, which may be damaged or a stranger's."""
        sizes = {name: getattr(self, name) for name in ("channels", "height", "width")}
        for name, value in sizes.items():
            _require(_is_count(value) and value >= 1, name, value)
        _require(math.prod(sizes.values()) <= LARGEST, "channels x height x width", math.prod(sizes.values()))
        for name in ("train_size", "test_size"):
            _require(_is_count(getattr(self, name)), name, getattr(self, name))
        _require(_are_names(self.class_names) and len(self.class_names) > 0, "class_names", self.class_names)
        twice = [name for name, count in Counter(map(class_name, self.class_names)).items() if count > 1]
        if twice:  # figures are kept by name
            raise ValueError(f"class_names: {str(twice[0])[:60]} names more than one class; accepted: each name once")
        for name in ("mean", "std"):
            values = getattr(self, name)
            _require(_are_numbers(values) and len(values) in (self.channels, 0), name, values)
        _require(len(self.mean) == len(self.std), "std", self.std)
        _require(min(self.std, default=1) > 0, "std", self.std)

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def image_size(self) -> tuple[int, int]:
        return self.height, self.width

    def plain(self) -> dict[str, Any]:
        """All that the contract says, and nothing that a kind of data set adds to it: for a checkpoint."""
        return {field.name: getattr(self, field.name) for field in fields(DatasetSpec)}


def refuse_statistics_of_bytes(mean: Sequence[float], std: Sequence[float]) -> None:
    """Makes sure that statistics can be those of pixels scaled to 0..1.

    Not asked of every spec: a run that was trained with others goes on with what its network is used to.

    Raises:
        ValueError: they are greater than 1.
    """
    for name, values in (("mean", mean), ("std", std)):
        if any(1 < value < math.inf for value in values):  # what is no number at all, a spec refuses itself
            raise ValueError(f"{name}={list(values)}: pixels are scaled to 0..1; divide by 255")


def class_name(name: str) -> str:
    """The name of a class as names are compared: in Unicode's composed form (NFC).

    macOS may hand over the é of a folder's name as two signs, which look the same and are not equal. Upper and lower
    case are told apart, as file systems do.
    """
    return unicodedata.normalize("NFC", name)


def _require(condition: bool, name: str, value: Any) -> None:
    if not condition:
        raise ValueError(f"{name} cannot be {str(value)[:60]}")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_names(values: Any) -> bool:
    names = isinstance(values, Sequence) and not isinstance(values, str)
    return names and all(isinstance(value, str) for value in values)


def _are_numbers(values: Any) -> bool:
    numbers = isinstance(values, Sequence) and all(type(value) in (int, float) for value in values)
    return numbers and all(math.isfinite(value) for value in values)
