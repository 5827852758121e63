"""What a model must know of a data set before any image is read. Imports the standard library alone."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetSpec:
    """The contract between data and model; images are `(N, channels, height, width)`.

    `mean` and `std` are per channel, of pixels scaled to 0..1. `train_size` and `test_size` count the published
    splits, before validation is cut from the training split.
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

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def image_size(self) -> tuple[int, int]:
        return self.height, self.width


def class_name(name: str) -> str:
    """The name of a class as names are compared: in Unicode's composed form (NFC).

    macOS may hand over the é of a folder's name as two signs, which look the same and are not equal. Upper and lower
    case are told apart, as file systems do.
    """
    return unicodedata.normalize("NFC", name)
