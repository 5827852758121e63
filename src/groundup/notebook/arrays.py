"""A whole data set as NumPy arrays: the images that `train.py` would show its network, normalised likewise."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from groundup.data.module import ImageData
from groundup.data.sources import Images
from groundup.data.specs import make_spec
from groundup.paths import home
from groundup.spec import DatasetSpec


class Split(NamedTuple):
    """x `(N, C, H, W)` of float32, normalised; y `(N,)` of int64."""

    x: NDArray[Any]
    y: NDArray[Any]


class Arrays(NamedTuple):
    spec: DatasetSpec
    train: Split
    val: Split | None
    test: Split


def load_arrays(
    name: str = "digits",
    root: str | os.PathLike[str] | None = None,
    *,
    image_size: int | None = None,
    val_fraction: float = 0.1,
    limit_train: int | None = None,
    limit_test: int | None = None,
    seed: int = 0,
) -> Arrays:
    """Loads a published data set, fetched where it is not there, split as a run with these settings splits it.

    Args:
        name: `digits`, `mnist`, `fashion_mnist`, `cifar10` or `cifar100`.
        root: None is what `data.root` is by default.
        image_size: images are resized to so many pixels a side; None leaves them as they are.
        val_fraction: of the training split, held out class by class; 0 leaves no `val`.
        limit_train: only the first so many images of the training split, before validation is cut from it.
        limit_test: likewise, of the test split.
        seed: of the split.

    Raises:
        UserError: an unknown name, or files that cannot be had.
    """
    spec = make_spec({"name": name, "image_size": image_size})
    options: dict[str, Any] = {"val_fraction": val_fraction, "limit_train": limit_train, "limit_test": limit_test}
    data = ImageData(spec, root or Path(home().data_root()), seed=seed, **options)
    data.prepare_data()
    data.setup("fit")
    data.setup("test")
    train, val, test = (_floats(data, split) for split in ("train", "val", "test"))
    assert train is not None
    assert test is not None, "every published data set has a test split"
    return Arrays(spec, train, val, test)


def _floats(data: ImageData, split: str) -> Split | None:
    images = data.splits[split]
    if images is None:
        return None
    assert isinstance(images, Images), "published data sets are read into memory"
    mean, std = (np.array(values, np.float32).reshape(-1, 1, 1) for values in (data.spec.mean, data.spec.std))
    return Split((images.pixels.numpy().astype(np.float32) / 255 - mean) / std, images.labels.numpy())
