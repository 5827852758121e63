"""1,797 handwritten 8x8 digits, which lie beside this file: nothing to download.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998;
the test part. `digits.txt` has the licence.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from groundup.data.published import PublishedSet
from groundup.spec import DatasetSpec

FILE = Path(__file__).with_name("digits.csv.gz")


def read(root: Path, split: str) -> tuple[Any, Any]:
    """Values 0..16 scaled to 0..255; every fifth image (position % 5 == 4) is of the test split."""
    import numpy as np

    with gzip.open(FILE) as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    table = table[(np.arange(len(table)) % 5 == 4) == (split == "test")]
    pixels = np.round(table[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    return pixels, table[:, -1].astype(np.int64)


DATA = PublishedSet(DatasetSpec("digits", 1, 8, 8, tuple("0123456789"), (0.3059,), (0.3763,), 1438, 359), read)
