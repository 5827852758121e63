"""Whether a loader gives every image of its data set once: a metric counts each, and none twice."""

from __future__ import annotations

import itertools
from collections.abc import Hashable
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from groundup.data.loaders import length_of
from groundup.errors import UserError

_ONCE = "every image once"


def refuse_dropping(loader: Any, where: str) -> None:
    """A metric counts every image."""
    sampler = getattr(loader, "batch_sampler", None)
    drops = getattr(loader, "drop_last", False) or getattr(sampler, "drop_last", False)
    size, images = getattr(sampler, "batch_size", None), images_of(loader)
    left = images % size if isinstance(size, int) and size else 1
    if drops and left:
        raise UserError(f"{where} has drop_last=True, and no metric would count what it drops; accepted: False")


def refuse_other_places(loader: Any, where: str) -> None:
    """A metric counts every image once; a sampler tells which come, without reading one."""
    if not has_places(loader):
        return
    there = length_of(loader.dataset)
    most = None if there is None else there + 1  # of a sampler without an end
    batches = [list(places) for places in itertools.islice(loader.batch_sampler, most)]
    places = list(itertools.chain.from_iterable(batches))
    refuse_other_counts(loader, len(batches), len(places), where)
    if all(isinstance(place, Hashable) for place in places) and (different := len(set(places))) < len(places):
        raise UserError(
            f"{where} gives {len(places)} images, of which only {different} are different, because its sampler "
            f"repeats some; accepted: {_ONCE}"
        )


def refuse_other_counts(loader: Any, batches: int, images: int, where: str) -> None:
    """Makes sure that as many batches come as a loader says, and as many images as its data set has."""
    if (said := length_of(loader)) is not None and said != batches:
        raise UserError(f"{where} gives {batches} batches, and its len() is {said}; accepted: {_ONCE}")
    one_by_one = has_places(loader) or (isinstance(loader, DataLoader) and loader.batch_size is not None)
    there = length_of(loader.dataset) if one_by_one else None
    if one_by_one and there is None and loader.num_workers > 1:  # each of them may give all of a stream
        there = sum(1 for _ in loader.dataset)
    if there is not None and there != images:
        raise UserError(
            f"{where} gives {images} images, and its data set has {there}; accepted: {_ONCE}; for a part of it, use a "
            "torch.utils.data.Subset"
        )


def images_of(loader: Any) -> int:
    """How many images an epoch of a loader has; 0 where it does not say."""
    if not has_places(loader):
        return 0
    try:
        return len(loader.sampler)
    except TypeError:
        return 0


def has_places(loader: Any) -> bool:
    """Whether it is a DataLoader whose images have places in their data set, and are put together in batches by it."""
    there = isinstance(loader, DataLoader) and not isinstance(loader.dataset, IterableDataset)
    return there and loader.batch_sampler is not None


def in_order(loader: Any) -> Any:
    """A loader of every image once, as far as images have places."""
    if not has_places(loader):
        return loader
    return DataLoader(
        loader.dataset,
        batch_size=loader.batch_size or 64,
        collate_fn=loader.collate_fn,
        num_workers=loader.num_workers,
    )
