"""Which images a loader has, as far as that is told without reading one: to see that they are the same again."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset, TensorDataset

_SOME = 64  # rows of what has several dimensions
_PARTS = ("tensors", "datasets")  # of a TensorDataset and a ConcatDataset
_DEEPEST = 6  # data sets within data sets


def fingerprint(loader: Any) -> str | None:
    """A digest of the places, the labels and some of the images that its data set holds; None where it has none."""
    dataset = getattr(loader, "dataset", None)
    if dataset is None:
        return None
    return _digest(dataset, getattr(getattr(loader, "sampler", None), "indices", None))


def common_images(one: Any, other: Any) -> int:
    """How many images two loaders have both, as far as they are of the same data set, or of equal tensors."""
    (root, places), (other_root, other_places) = _places(one), _places(other)
    if root is None or other_root is None or _key(root) != _key(other_root):
        return 0
    return len(set(places) & set(other_places))


def _places(loader: Any) -> tuple[Any, Any]:
    """A data set, and which places of it are those of a loader."""
    dataset = getattr(loader, "dataset", None)
    try:
        places: Any = range(len(dataset))  # type: ignore[arg-type]
        chosen = getattr(getattr(loader, "sampler", None), "indices", None)
        places = places if chosen is None else [int(place) for place in chosen]
        while type(dataset) is Subset:
            places = [int(dataset.indices[place]) for place in places]
            dataset = dataset.dataset
    except (TypeError, ValueError, IndexError, NotImplementedError):  # it has no places, or others
        return None, ()
    return dataset, places


def _key(root: Any) -> Any:
    return _digest(root) if type(root) is TensorDataset else id(root)


def _digest(*parts: Any) -> str:
    digest = hashlib.sha256()
    for part in parts:
        _feed(digest, part, _DEEPEST)
    return digest.hexdigest()


def _feed(digest: Any, part: Any, depth: int) -> None:
    if isinstance(part, Tensor | np.ndarray):
        _feed_numbers(digest, part)
    elif isinstance(part, list | tuple | range):
        digest.update(b"%d;" % len(part))
        if _are_numbers(part):
            digest.update(np.asarray(part).tobytes())
        elif depth:
            for place in _some(len(part)):
                _feed(digest, part[place], depth - 1)
    elif isinstance(part, int | np.integer):
        digest.update(b"%d;" % part)
    elif isinstance(part, Dataset) and depth:
        for name, value in sorted(getattr(part, "__dict__", {}).items()):  # not what it has kept of what it has read
            if isinstance(value, Tensor | np.ndarray | Dataset) or name in _PARTS or _are_numbers(value):
                digest.update(name.encode())
                _feed(digest, value, depth - 1)


def _feed_numbers(digest: Any, numbers: Tensor | np.ndarray) -> None:
    digest.update(repr(tuple(numbers.shape)).encode())
    rows = numbers[_some(len(numbers))] if numbers.ndim > 1 else numbers
    if isinstance(rows, Tensor):
        if rows.layout != torch.strided or rows.numel() == 0:
            return
        rows = rows.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy()
    if rows.dtype.kind in "biufc":
        digest.update(rows.tobytes())


def _some(count: int) -> list[int]:
    return np.linspace(0, count - 1, min(count, _SOME)).astype(int).tolist()


def _are_numbers(values: Any) -> bool:
    if isinstance(values, range):
        return True
    return isinstance(values, list | tuple) and all(isinstance(value, int | float | np.number) for value in values)
