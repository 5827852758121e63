"""What is said of an image folder before training: how many images there are, what is not read, and what will hurt."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from groundup.data.classes import listed
from groundup.data.copies import warn_of_copies
from groundup.data.folder_spec import FolderSpec
from groundup.printable import printable
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)

_FEW = 5  # images of a class: an epoch shows them, and nothing is learnt from them
_UNEVEN = 10  # times as many images of one class as of another


def tell_what_is_there(spec: FolderSpec, splits: Mapping[str, Any], limits: Mapping[str, int | None]) -> None:
    """Logs one line of counts, a line for what is not read, and a warning for each thing that will hurt.

    Args:
        spec: what was found.
        splits: by name, the images as they are used, validation cut from training; None where there are none.
        limits: by name of the split, how many images are used at most.
    """
    tell_counts(spec, splits, " (test cut by data.test_fraction)" if spec.is_cut else "")
    folder = spec.folder
    if folder.beside:
        log.warning(f"beside the folders of the splits {listed(folder.beside)} are not read: no split is called so")
    for name in ("train", "val", "test"):
        split = folder.split(name)
        if others := split.passed_over:
            where = "the class folders" if folder.is_flat else f"{name}/"
            log.info(f"{len(others):,} files in {where} are no images and are not read: {printable(others[0])}")
        if split.empty and name != "train":
            log.warning(f"{name}: no images of {listed(split.empty)}; nothing is measured of these classes there")
    warn_of_counts(spec, splits)
    _warn_of_case(spec)
    if limits.get("train") is None and limits.get("test") is None:
        warn_of_copies(folder.train, folder.val, folder.test)


def tell_counts(spec: DatasetSpec, splits: Mapping[str, Any], remark: str = "") -> None:
    """Logs one line of counts.

    Args:
        spec: of the images.
        splits: by name, the images as they are used, validation cut from training; None where there are none.
        remark: to end the line.
    """
    used = {name: 0 if images is None else len(images.labels) for name, images in splits.items()}
    parts = [f"{name} {used[name]:,}" for name in ("train", "val", "test") if name in used]
    log.info(f"{sum(used.values()):,} images of {spec.num_classes} classes: {', '.join(parts)}{remark}")


def warn_of_counts(spec: DatasetSpec, splits: Mapping[str, Any]) -> None:
    """Says where classes have too few images, or very different numbers of them; as of `tell_counts`."""
    counts = {name: images.labels.bincount(minlength=spec.num_classes) for name, images in splits.items() if images}
    train = counts["train"].tolist()
    for name, there in counts.items():
        absent = [spec.class_names[label] for label, count in enumerate(there.tolist()) if not count]
        if absent and name != "test":
            log.warning(f"{name}: no images of {listed(absent)}: {_NOT_THERE[name]}")
    if few := [spec.class_names[label] for label, count in enumerate(train) if 0 < count < _FEW]:
        log.warning(f"fewer than {_FEW} training images of {listed(few)}: a network learns little from so few")
    if min(train) and max(train) >= _UNEVEN * min(train):
        most, least = (spec.class_names[train.index(count)] for count in (max(train), min(train)))
        log.warning(
            f"classes are uneven: {max(train):,} training images of {printable(most)}, {min(train):,} of "
            f"{printable(least)}; accuracy is mostly that of large classes, test/balanced_acc weighs all alike"
        )


_NOT_THERE = {
    "train": "the network cannot learn these classes",
    "val": "the best epoch is chosen without these classes",
}


def _warn_of_case(spec: FolderSpec) -> None:
    alike = defaultdict(list)
    for name in spec.class_names:
        alike[name.casefold()].append(name)
    for names in alike.values():
        if len(names) > 1:
            log.warning(f"{listed(names)} differ in case alone, and are {len(names)} classes")
