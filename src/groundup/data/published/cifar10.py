"""CIFAR-10: 50,000 + 10,000 photographs, 32x32 colour, of 10 kinds of things.

Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from groundup.data.cifar import archive, read_batches
from groundup.data.published import PublishedSet
from groundup.spec import DatasetSpec

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FOLDER = "cifar-10-batches-py"
BATCHES = {"train": [f"data_batch_{number}" for number in range(1, 6)], "test": ["test_batch"]}
MD5S = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
    "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
}


def read(root: Path, split: str) -> tuple[Any, Any]:
    return read_batches([root / FOLDER / name for name in BATCHES[split]], "labels")


DATA = PublishedSet(
    DatasetSpec("cifar10", 3, 32, 32, CLASSES, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), 50_000, 10_000),
    read,
    archives=(
        archive("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", 170498071, 186214026, FOLDER, MD5S),
    ),
)
