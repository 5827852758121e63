"""SVHN: 73,257 + 26,032 house numbers of street photographs, 32x32 colour, and 531,131 easier ones to train on.

Source: Y. Netzer et al., "Reading digits in natural images with unsupervised feature learning", 2011.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from groundup.data.archive import Archive
from groundup.data.published import PublishedSet
from groundup.spec import DatasetSpec

SERVERS = ("http://ufldl.stanford.edu/housenumbers/",)
# MD5, as torchvision knows it, and bytes of each file, which is published as it is.
FILES = {
    "train": ("e26dedcc434d2e4c54c9b2d4a06d8373", 182040794),
    "test": ("eb5a983be6a315427106f1b164d9cef3", 64275384),
    "extra": ("a93ce644f1a588dc4d68dda5feec44a7", 1329278602),
}
ZERO = 10  # the label of the digit 0 in the files


def read(trained_on: Sequence[str], root: Path, split: str) -> tuple[Any, Any]:
    """Images `(N, 3, 32, 32)` and labels `(N,)`, which are the digits."""
    import numpy as np

    parts = [_read(root / _file(part)) for part in (trained_on if split == "train" else (split,))]
    images, labels = zip(*parts, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _read(file: Path) -> tuple[Any, Any]:
    import numpy as np
    from scipy.io import loadmat

    with file.open("rb") as opened:
        content = loadmat(opened, variable_names=("X", "y"))  # X (32, 32, 3, N), y (N, 1)
    labels = content["y"][:, 0].astype(np.int64)
    return content["X"].transpose(3, 2, 0, 1).copy(), np.where(labels == ZERO, 0, labels)


def _file(part: str) -> str:
    return f"{part}_32x32.mat"


def _archive(part: str) -> Archive:
    md5, size = FILES[part]
    return Archive(_file(part), md5, size, size, SERVERS, "", {_file(part): md5})


def _kind(trained_on: Sequence[str], count: int) -> PublishedSet:
    spec = DatasetSpec(  # mean and deviation of train, as they are widely quoted, not computed here
        *("svhn", 3, 32, 32, tuple("0123456789"), (0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970), count, 26_032)
    )
    return PublishedSet(spec, partial(read, trained_on), tuple(map(_archive, (*trained_on, "test"))))


KINDS = {False: _kind(("train",), 73_257), True: _kind(("train", "extra"), 604_388)}
DATA = replace(KINDS[False], key="extra", kinds=KINDS)
