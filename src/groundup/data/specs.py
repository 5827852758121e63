"""What is known of a data set before it is read: sizes, class names, statistics. No torch, no NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from groundup.data.classes import refuse_others
from groundup.data.folder import scan
from groundup.data.folder_spec import (
    IMAGE_FOLDER,
    Scan,
    folder_image_size,
    folder_spec,
    folder_test_spec,
    image_size_in,
    per_channel,
    refuse_wrong_statistics,
)
from groundup.data.published import PublishedSet, published_kind, published_names, published_set
from groundup.data.whose import refusal, tells_its_spec
from groundup.errors import UserError
from groundup.spec import DatasetSpec, class_name, refuse_statistics_of_bytes


@dataclass(frozen=True)
class ResizedSpec(DatasetSpec):
    """The spec of images that are resized when they are read, with that of the images as they are brought."""

    brought: DatasetSpec = field(repr=False, compare=False)


def make_spec(data: Mapping[str, Any], scan: Scan = scan) -> DatasetSpec:
    """Makes the spec of the data set that a data config describes; an image folder is looked through for it.

    Args:
        data: the plain mapping of the config's data node. Where `_target_` is left out, or our own, `name` and, where
            present, `image_size` (images are resized to N x N) and what chooses one of several kinds (`labels`,
            `split`, `extra`) are read; of an image folder also `root`, `channels`, `mean` and `std`. A class of
            somebody else's is asked.
        scan: looks through an image folder; one who makes many specs may remember what was found.

    Raises:
        UserError: an unknown name or value, or an image folder that cannot be used.
    """
    if (kind := tells_its_spec(data)) is not None:
        return _their_spec(data, kind)
    try:
        return folder_spec(data, scan) if data.get("name") == IMAGE_FOLDER else _published_spec(data)
    except ValueError as error:  # of what no data set has, in the words of `DatasetSpec`
        raise UserError(f"data={data.get('name')}: {error}") from error


def make_test_spec(data: Mapping[str, Any], trained: DatasetSpec) -> DatasetSpec:
    """Makes the spec of test images for a network that was trained on `trained`: its classes in its own order.

    So labels follow from the names of classes, wherever the images come from and however their classes sort there. An
    image folder needs no images to train on, and may lack some of the classes. Pixels are scaled as the network is
    used to.

    Raises:
        UserError: as `make_spec`, or the network was not trained on one of the classes.
    """
    names = tuple(class_name(name) for name in trained.class_names)
    spec: DatasetSpec
    if data.get("name") == IMAGE_FOLDER and tells_its_spec(data) is None:
        spec = folder_test_spec(data, names)
    else:
        spec = make_spec(data)
        # their labels are places among names of their own
        refuse_others(spec.class_names, names, f"data.name={spec.name}", "accepted: data with its classes")
    if (spec.channels, spec.image_size) != (trained.channels, trained.image_size):
        sizes = [f"{each.channels}x{each.height}x{each.width}" for each in (spec, trained)]
        raise UserError(f"data={spec.name}: its images are of {sizes[0]}, those of the network of {sizes[1]}")
    return replace(spec, class_names=names, mean=trained.mean, std=trained.std)


def published(data: Mapping[str, Any]) -> PublishedSet:
    """The published data set that a data config describes, by `name` and what chooses one of several kinds of it.

    Raises:
        UserError: there is none, or it has no such kind.
    """
    name = data.get("name")
    found = published_set(name)
    if found is None:
        raise UserError(
            f"data.name={name}: unknown; accepted: {', '.join((*published_names(), 'arrays', IMAGE_FOLDER))}"
        )
    for key, only in (("labels", "fine"), ("split", "balanced"), ("extra", False)):
        if found.key != key and data.get(key) not in (None, only):
            raise UserError(f"data.{key}={data[key]}: {name} has one kind of {key}; accepted: {only}")
    kind = published_kind(data)
    if kind is None:
        raise UserError(f"data.{found.key}={data[found.key or '']}: accepted: {', '.join(map(str, found.kinds))}")
    return kind


def image_size(data: Mapping[str, Any]) -> tuple[int, int]:
    """Height and width of the images that a data config describes, known without a look at them.

    Raises:
        UserError: an unknown name or value.
    """
    if (kind := tells_its_spec(data)) is not None:
        return _their_spec(data, kind).image_size
    if data.get("name") == IMAGE_FOLDER:
        return folder_image_size(data), folder_image_size(data)
    return _published_spec(data).image_size


def channels_of(data: Mapping[str, Any]) -> int:
    """Channels of the images that a data config describes, known without a look at them.

    Raises:
        UserError: an unknown name or value.
    """
    if (kind := tells_its_spec(data)) is not None:
        return _their_spec(data, kind).channels
    return data.get("channels", 3) if data.get("name") == IMAGE_FOLDER else _published_spec(data).channels


def _their_spec(data: Mapping[str, Any], kind: Any) -> DatasetSpec:
    """Of images that a subclass of `ImageData` brings, in the size that they are resized to."""
    try:
        spec = kind.describe(data)
    except UserError:
        raise
    except Exception as error:  # of any kind: the class is theirs
        reason = f"its describe(data) fails: {type(error).__name__}: {' '.join(str(error).split())}"
        raise refusal(data, reason, "a classmethod that gives a groundup.spec.DatasetSpec") from error
    if not isinstance(spec, DatasetSpec):
        given = f"its describe(data) gives an object of {type(spec).__module__}.{type(spec).__qualname__}"
        raise refusal(data, given, "a groundup.spec.DatasetSpec")
    if not spec.mean:
        raise refusal(
            data, "its describe(data) gives no mean and std", "one of each for every channel, of pixels in 0..1"
        )
    try:
        refuse_statistics_of_bytes(spec.mean, spec.std)
    except ValueError as error:
        raise refusal(data, f"its describe(data) gives {error}", "those of pixels in 0..1") from error
    return _resized(spec, data)


def _published_spec(data: Mapping[str, Any]) -> DatasetSpec:
    return _resized(published(data).spec, data)


def _resized(spec: DatasetSpec, data: Mapping[str, Any]) -> DatasetSpec:
    """Of images in the size, and normalised by what, the config says."""
    if data.get("mean") is not None or data.get("std") is not None:
        mean, std = (per_channel(key, data.get(key), spec.channels, getattr(spec, key)) for key in ("mean", "std"))
        refuse_wrong_statistics(mean, std)
        spec = replace(spec, mean=mean, std=std)
    size = image_size_in(data)
    return spec if size is None else ResizedSpec(**spec.plain() | {"height": size, "width": size}, brought=spec)
