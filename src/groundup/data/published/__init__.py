"""The published data sets, one module each. A new one needs a module here and an option of its name in `conf/data`.

The name of a module is that of its data set, and its `DATA` a `PublishedSet`. Modules are found, not listed. Their
specs are needed before torch or NumPy is loaded, so only the functions that read import these.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundup.data.archive import Archive
from groundup.spec import DatasetSpec

if TYPE_CHECKING:
    from numpy import int64, uint8
    from numpy.typing import NDArray


@dataclass(frozen=True)
class PublishedSet:
    """A published data set: what is known of it, its files, and how they are read.

    Attributes:
        spec: of the whole of it. Means and standard deviations are those of the training pixels scaled to 0..1.
        read: gives the images `(N, C, H, W)` and labels `(N,)` of a split, `train` or `test`, whose files lie whole
            below a data root.
        archives: that hold the files, in torchvision's layout; none where a package brings them.
        key: of the config, whose value chooses one of several sets that are published together.
        kinds: these, by the value; this set is one of them itself.
    """

    spec: DatasetSpec
    read: Callable[[Path, str], tuple[NDArray[uint8], NDArray[int64]]]
    archives: tuple[Archive, ...] = ()
    key: str | None = None
    kinds: Mapping[Any, PublishedSet] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if max(*self.spec.mean, *self.spec.std) > 1:
            raise ValueError(f"{self.spec.name}: mean and std are those of pixels scaled to 0..1, not to 0..255")


def published_names() -> tuple[str, ...]:
    """The names of all published data sets."""
    return tuple(module.name for module in pkgutil.iter_modules(__path__))


def published_kind(data: Mapping[str, Any]) -> PublishedSet | None:
    """The published data set that the keys of a data config choose; None where there is none."""
    found = published_set(data.get("name"))
    if found is None or found.key is None or data.get(found.key) is None:
        return found
    return found.kinds.get(data[found.key])


def published_set(name: object) -> PublishedSet | None:
    """The published data set of this name; None where there is none."""
    if name not in published_names():
        return None
    return importlib.import_module(f"{__name__}.{name}").DATA
