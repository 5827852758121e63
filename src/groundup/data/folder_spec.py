"""The spec of an image folder: what was found there, and what the config says of it. No torch, no NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from groundup.data.classes import refuse_unknown
from groundup.data.folder import LAYOUTS, Folder, Split, cut_test, scan, scan_test
from groundup.data.table import read_table
from groundup.errors import UserError
from groundup.spec import DatasetSpec, refuse_statistics_of_bytes

IMAGE_FOLDER = "image_folder"  # its `data.name`
TEST_FRACTION = 0.2  # of class folders without split folders, where nothing is said

Scan = Callable[[str], Folder]


@dataclass(frozen=True)
class FolderSpec(DatasetSpec):
    """The spec of an image folder, with the files that it was made of: what is read are these, and no others.

    Attributes:
        is_cut: its test split was cut from images that lie with those to train on.
    """

    folder: Folder = field(repr=False, compare=False)
    is_cut: bool = field(default=False, repr=False, compare=False)


def folder_spec(data: Mapping[str, Any], scan: Scan = scan) -> FolderSpec:
    """The spec of a folder to train on, see `groundup.data.specs.make_spec`.

    Raises:
        UserError: a value that is wrong, or a folder that cannot be used.
    """
    known = _what_is_said(data)
    refuse_wrong_statistics(known["mean"], known["std"])
    _refuse_columns_of_no_table(data)
    whole = read_table(data) if data.get("table") is not None else scan(data["root"])
    folder = _with_test(whole, data)
    if empty := folder.train.empty:
        raise UserError(f"data.test_fraction={data.get('test_fraction')}: leaves nothing to train on of {empty[0]}")
    return FolderSpec(
        **known,
        class_names=folder.class_names,
        train_size=folder.train.count,
        test_size=folder.test.count,
        folder=folder,
        is_cut=folder is not whole,
    )


def folder_test_spec(data: Mapping[str, Any], class_names: tuple[str, ...]) -> FolderSpec:
    """The spec of a folder to test on, of which `test/` alone is looked at, if it has one.

    Raises:
        UserError: as `folder_spec`, or there are other classes than these.
    """
    known, whole = _what_is_said(data), _tested(data)
    folder = _with_test(whole, data)
    is_cut = folder is not whole
    refuse_unknown(folder.test.images, class_names, f"data.root={data['root']}: test/")
    rest = folder.train if is_cut else Split()
    return FolderSpec(
        **known,
        class_names=class_names,
        train_size=0,
        test_size=folder.test.count,
        folder=Folder(class_names, rest, test=folder.test),
        is_cut=is_cut,
    )


def image_size_in(data: Mapping[str, Any]) -> int | None:
    """Pixels a side that images are resized to; None leaves them as they are.

    Raises:
        UserError: it is no size.
    """
    size = data.get("image_size")
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise UserError(f"data.image_size={size}: accepted: a whole number of pixels >= 1, or null")
    return size


def folder_image_size(data: Mapping[str, Any]) -> int:
    """Pixels a side that all images are resized to.

    Raises:
        UserError: it is no size.
    """
    size = image_size_in(data)
    if size is None:
        raise UserError("data.image_size=null: an image folder needs a size, e.g. data.image_size=32")
    return size


def _refuse_columns_of_no_table(data: Mapping[str, Any]) -> None:
    for key in ("file_column", "label_column", "split_column"):
        if data.get("table") is None and data.get(key) is not None:
            raise UserError(f"data.{key}={data[key]} with data.table=null: a column is of a table: data.table=FILE.csv")


def _tested(data: Mapping[str, Any]) -> Folder:
    return read_table(data) if data.get("table") is not None else scan_test(data["root"])


def _with_test(folder: Folder, data: Mapping[str, Any]) -> Folder:
    """A folder that has no test split, with the one that the config cuts.

    Raises:
        UserError: it has one of its own, and a share of the training images is asked for all the same.
    """
    fraction, own = data.get("test_fraction"), bool(folder.test.images)
    if own and fraction:
        raise UserError(
            f"data.test_fraction={fraction} with data.root={data['root']}: it has images of its own to test on; "
            "accepted: null"
        )
    if own or fraction == 0 or (fraction is None and not folder.is_flat):
        return folder
    return cut_test(folder, TEST_FRACTION if fraction is None else fraction, data.get("test_seed", 0))


def _what_is_said(data: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the spec that the config gives."""
    size = folder_image_size(data)
    channels = data.get("channels", 3)
    if channels not in (1, 3):
        raise UserError(f"data.channels={channels}: accepted: 1 (grey), 3 (colour)")
    if not data.get("root"):
        raise UserError(f"data.root is not set: the folder that holds {LAYOUTS}")
    mean = per_channel("mean", data.get("mean"), channels, (0.5,) * channels)
    std = per_channel("std", data.get("std"), channels, (0.25,) * channels)
    return {"name": IMAGE_FOLDER, "channels": channels, "height": size, "width": size, "mean": mean, "std": std}


def per_channel(key: str, values: Any, channels: int, default: Sequence[float]) -> tuple[float, ...]:
    """A statistic that the config gives, or the default.

    Raises:
        UserError: it is no list of so many numbers, or one of a deviation is not above 0.
    """
    if values is None or values == "auto":  # which is measured when the images have been read
        return tuple(default)
    if isinstance(values, str) or not isinstance(values, Sequence) or len(values) != channels:
        raise UserError(f"data.{key}={values}: accepted: a list of {channels} (data.channels) numbers, auto, or null")
    numbers = tuple(float(value) for value in values)
    if key == "std" and min(numbers) <= 0:
        raise UserError(f"data.std={list(numbers)}: every value must be greater than 0")
    return numbers


def refuse_wrong_statistics(mean: Sequence[float], std: Sequence[float]) -> None:
    """Makes sure that statistics which a config gives can be those of pixels in 0..1.

    Raises:
        UserError: they are of bytes.
    """
    try:
        refuse_statistics_of_bytes(mean, std)
    except ValueError as error:
        raise UserError(f"data.{error}") from error
