"""EMNIST: handwritten letters and digits of NIST's forms, 28x28 grey, in six splits.

The files hold images with rows and columns exchanged, which are put upright, and count letters from 1.

Source: G. Cohen, S. Afshar, J. Tapson and A. van Schaik, "EMNIST: an extension of MNIST to handwritten letters", 2017,
table 2.
"""

from __future__ import annotations

import string
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from groundup.data.archive import Archive
from groundup.data.idx import read_bytes
from groundup.data.published import PublishedSet
from groundup.spec import DatasetSpec

FOLDER = "EMNIST/raw"
SERVERS = ("https://biometrics.nist.gov/cs_links/EMNIST/",)
MD5, BYTES = "58c8d27c78d21e728a6bc7b3cc06412e", 561753746  # of the archive of all splits, as torchvision knows it
# upper and lower case of these look alike, and are one class
MERGED = "cijklmopsuvwxyz"
ALL = tuple(string.digits + string.ascii_uppercase + string.ascii_lowercase)
UNMERGED = tuple(name for name in ALL if name not in MERGED)
# Classes, training and test images, mean and deviation; the last two as they are widely quoted, not computed here.
SPLITS = {
    "byclass": (ALL, 697_932, 116_323, 0.1736, 0.3317),
    "bymerge": (UNMERGED, 697_932, 116_323, 0.1736, 0.3317),
    "balanced": (UNMERGED, 112_800, 18_800, 0.1751, 0.3332),
    "letters": (tuple(string.ascii_lowercase), 124_800, 20_800, 0.1722, 0.3309),
    "digits": (tuple(string.digits), 240_000, 40_000, 0.1733, 0.3317),
    "mnist": (tuple(string.digits), 60_000, 10_000, 0.1733, 0.3317),
}


def read(kind: str, root: Path, split: str) -> tuple[Any, Any]:
    """Images `(N, 1, 28, 28)`, upright, and labels `(N,)`, from 0."""
    images, labels = (read_bytes(root / FOLDER / _file(kind, split, what)) for what in ("images", "labels"))
    return images.swapaxes(1, 2)[:, None].copy(), labels.astype("int64") - (kind == "letters")


def _file(kind: str, split: str, what: str) -> str:
    return f"emnist-{kind}-{split}-{what}-idx{3 if what == 'images' else 1}-ubyte"


def _kind(kind: str) -> PublishedSet:
    classes, train, test, mean, std = SPLITS[kind]
    members = {
        f"{FOLDER}/{_file(kind, split, what)}": header + count * size
        for split, count in (("train", train), ("test", test))
        for what, header, size in (("images", 16, 28 * 28), ("labels", 8, 1))
    }
    archive = Archive("gzip.zip", MD5, BYTES, sum(members.values()), SERVERS, FOLDER, members)
    spec = DatasetSpec("emnist", 1, 28, 28, classes, (mean,), (std,), train, test)
    return PublishedSet(spec, partial(read, kind), (archive,))


KINDS = {kind: _kind(kind) for kind in SPLITS}
DATA = replace(KINDS["balanced"], key="split", kinds=KINDS)
