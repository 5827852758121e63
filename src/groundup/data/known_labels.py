"""Labels of a data set, where they are known without making a single batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset, default_collate

from groundup.data.every_image import has_places


def labels_of(loader: Any) -> Tensor | None:
    """The labels of a loader's data set, where they are known without making a single batch."""
    own = type(loader).__iter__ is not DataLoader.__iter__
    if own or not has_places(loader) or loader.collate_fn is not default_collate:
        return None
    return _labels_in(loader.dataset)


def _labels_in(dataset: Any) -> Tensor | None:
    if type(dataset) is TensorDataset:  # what is derived from it may give other labels
        return dataset.tensors[1] if len(dataset.tensors) == 2 else None
    if type(dataset) is Subset:
        labels = _labels_in(dataset.dataset)
        return None if labels is None else labels[torch.as_tensor(list(dataset.indices), dtype=torch.int64)]
    if type(dataset) is ConcatDataset:
        parts = [_labels_in(part) for part in dataset.datasets]
        return None if any(part is None for part in parts) else torch.cat(parts)  # type: ignore[arg-type]
    return None
