"""Equal images among those held in memory: in two splits, or of two classes."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from typing import Any

from groundup.data.sources import Images

log = logging.getLogger(__name__)

SPLITS = {"train": "training", "val": "validation", "test": "test"}


def warn_of_equal_images(name: str, splits: Mapping[str, Any]) -> None:
    """Says how many images of a split are in another one, too, and how many of those trained on are of two classes.

    Args:
        name: of the data set.
        splits: by name, as they are used, validation cut; None where there are none.
    """
    digests = {split: _digests(images) for split in SPLITS if isinstance(images := splits.get(split), Images)}
    if "train" in digests and (twice := _of_two_classes(digests["train"], splits["train"].labels.tolist())):
        log.warning(f"data={name}: {twice:,} training images are equal to one of another class; no network learns both")
    for held_out, other in (("val", "train"), ("test", "train"), ("test", "val")):
        known = set(digests.get(other, ()))
        if count := sum(digest in known for digest in digests.get(held_out, ())):
            log.warning(
                f"data={name}: {count:,} of {len(digests[held_out]):,} {SPLITS[held_out]} images are {SPLITS[other]} "
                "images, too: what is measured of them is not of new images"
            )


def _of_two_classes(digests: list[bytes], labels: list[int]) -> int:
    label_of: dict[bytes, int] = {}
    return sum(label_of.setdefault(digest, label) != label for digest, label in zip(digests, labels, strict=True))


def _digests(images: Images) -> list[bytes]:
    return [hashlib.blake2b(image, digest_size=16).digest() for image in images.pixels.flatten(1).numpy()]
