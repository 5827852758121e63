"""A data set that says itself what it is, and is served as ours are: stars, single and double."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundup.data.module import ImageData
from groundup.spec import DatasetSpec

SIZES = {"train": 160, "test": 40}


class Stars(ImageData):
    """Drawn, not read: one spot, or two.

    Args:
        spec, root, options: see `ImageData`.
        noise: standard deviation of what is added to the pixels, of 0..255.
    """

    def __init__(self, spec: DatasetSpec, root: str, *, noise: int = 20, **options: Any):
        super().__init__(spec, root, **options)
        self.noise = noise

    @classmethod
    def describe(cls, data: Mapping[str, Any]) -> DatasetSpec:
        return DatasetSpec(
            "stars",
            channels=1,
            height=10,
            width=10,
            class_names=("single", "double"),
            mean=(0.1,),
            std=(0.2,),
            train_size=SIZES["train"],
            test_size=SIZES["test"],
        )

    def load_split(self, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]] | None:
        if split not in SIZES:
            return None
        random = np.random.default_rng(SIZES[split])
        labels = np.arange(SIZES[split]) % 2
        images = random.normal(30, self.noise, (len(labels), 1, 10, 10))
        for image, label in zip(images, labels, strict=True):
            for row, column in random.permutation(25)[: label + 1, None] // (5, 1) % 5 * 2:
                image[0, row : row + 2, column : column + 2] += 200
        return images.clip(0, 255).astype(np.uint8), labels
