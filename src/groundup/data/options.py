"""The options of the data sets in `conf/data`. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from groundup.data import augment_names
from groundup.data.published import published_names, published_set
from groundup.options import Count, Data, Part, Pixels, Positive, Rate, Share, Text, Workers, split_url
from groundup.spec import MOST_PIXELS


def _as_list(given: Any) -> Any:
    """A single name stands for a list."""
    return [given] if isinstance(given, str) else given


def _rising(sizes: list[list[float]]) -> list[list[float]]:
    shares = [size[0] for size in sizes if len(size) == 2]
    whole = all(size[-1] == int(size[-1]) and size[-1] >= 1 for size in sizes if size)
    if (
        not shares
        or len(shares) < len(sizes)
        or not whole
        or shares != sorted(set(shares))
        or shares[0] != 0
        or shares[-1] >= 1
    ):
        raise PydanticCustomError("sizes", "must be pairs of a share of the training, rising from 0, and pixels a side")
    return sizes


def _range(parts: list[float]) -> list[float]:
    if len(parts) != 2 or not 0 < parts[0] <= parts[1]:
        raise PydanticCustomError("parts", "must be two parts above 0, the lower one first")
    return parts


def _jitter(amounts: list[float]) -> list[float]:
    if len(amounts) != 4 or amounts[3] > 0.5:
        raise PydanticCustomError(
            "jitter", "must be four parts: of brightness, contrast, saturation, and hue up to 0.5"
        )
    return amounts


def _randaugment(given: list[float]) -> list[float]:
    if len(given) != 2 or given[0] != int(given[0]) or not (1 <= given[0] <= 14 and 0 <= given[1] <= 30):
        raise PydanticCustomError("randaugment", "must be how many operations, 1 to 14, and their strength, 0 to 30")
    return given


def _reachable(mirror: str) -> str:
    """A URL to whose end the names of files are put, or a folder. It is written down with the run, so no password."""
    if "://" not in mirror:
        return mirror
    if not mirror.lower().startswith(("http://", "https://")):
        raise PydanticCustomError("scheme", "must be a URL that begins with http:// or https://, or a folder")
    url = split_url(mirror)
    if "@" in url.netloc:
        raise PydanticCustomError(
            "secret", "must hold no password, because it would be written down; put it into ~/.netrc"
        )
    if url.query or url.fragment or not url.hostname:
        raise PydanticCustomError("url", "must be a URL to which file names can be appended, without ? and #")
    return mirror


def _in_memory(chosen: bool) -> bool:
    if not chosen:
        raise PydanticCustomError("in_memory", "must be true; only data=image_folder can be read from disk")
    return chosen


def _colour(given: Any) -> Any:
    numbers = isinstance(given, list) and all(type(value) is int and 0 <= value <= 255 for value in given)
    if given not in ("white", "black") and not (numbers and len(given) == 3):
        raise PydanticCustomError("colour", "must be white, black or [red,green,blue], three whole numbers of 0..255")
    return given


Mirror = Annotated[Text, AfterValidator(_reachable)]
Size = Pixels | Annotated[float, Field(gt=0, lt=1)]  # in parts of the shorter side
Views = Literal["none", "mirror", "shift", "mirror_shift"]


Statistics = Literal["auto"] | list[float]
Deviations = Literal["auto"] | list[Rate]


class ImageData(Data):
    root: Text
    mirror: Mirror | None
    batch_size: Positive
    eval_batch_size: Positive
    val_fraction: Part | None
    folds: Annotated[int, Field(ge=2)] | None = None
    fold: Count | None = None
    limit_train: Positive | None
    limit_test: Positive | None
    augment: Annotated[list[augment_names.Name], BeforeValidator(_as_list)]
    crop_padding: Size
    shift: Size
    cutout_size: Size
    crop_scale: Annotated[list[Share], AfterValidator(_range)] = Field([0.08, 1.0])
    rotation: Annotated[float, Field(gt=0, le=180)] = 15.0
    color_jitter: Annotated[list[Share], AfterValidator(_jitter)] = Field([0.4, 0.4, 0.4, 0.1])
    randaugment: Annotated[list[float], AfterValidator(_randaugment)] = Field([2, 9])
    erasing_probability: Share = 0.5
    erasing_area: Annotated[list[Share], AfterValidator(_range)] = Field([0.02, 0.33])
    mixup_alpha: Rate = 0.2
    cutmix_alpha: Rate = 1.0
    sampler: Literal["balanced"] | None = None
    progressive_sizes: Annotated[list[list[float]], AfterValidator(_rising)] | None
    tta: Views
    image_size: Pixels | None
    mean: Statistics | None = None
    std: Deviations | None = None
    in_memory: Annotated[bool, AfterValidator(_in_memory)]
    workers: Workers


_published = {name: published_set(name) for name in published_names()}
_of_one_kind, _labelled, _split, _with_extra = (
    tuple(name for name, found in _published.items() if found is not None and found.key == key)
    for key in (None, "labels", "split", "extra")
)


class PublishedImages(ImageData):
    target: Literal["groundup.data.module.ImageData"] = Field(alias="_target_")
    name: Literal[_of_one_kind]  # type: ignore[valid-type]


class FinelyLabelledImages(ImageData):
    target: Literal["groundup.data.module.ImageData"] = Field(alias="_target_")
    name: Literal[_labelled]  # type: ignore[valid-type]
    labels: Literal["fine", "coarse"]


class SplitImages(ImageData):
    target: Literal["groundup.data.module.ImageData"] = Field(alias="_target_")
    name: Literal[_split]  # type: ignore[valid-type]
    split: Literal["byclass", "bymerge", "balanced", "letters", "digits", "mnist"]


class ExtraImages(ImageData):
    target: Literal["groundup.data.module.ImageData"] = Field(alias="_target_")
    name: Literal[_with_extra]  # type: ignore[valid-type]
    extra: bool


class Arrays(ImageData):
    target: Literal["groundup.data.arrays.ArrayData"] = Field(alias="_target_")
    name: Literal["arrays"]
    file: Text
    test_file: Text | None
    label_column: Text | int | None
    layout: Literal["NHWC", "NCHW"] | None
    white: Rate | None
    transpose: bool | None
    class_names: list[Text] | None
    test_fraction: Share | None
    test_seed: Count


class ImageFolder(ImageData):
    target: Literal["groundup.data.module.ImageData"] = Field(alias="_target_")
    name: Literal["image_folder"]
    channels: Literal[1, 3]
    background: Annotated[Any, AfterValidator(_colour)]
    in_memory: bool
    resize: Literal["squash", "crop", "pad"] = "squash"
    decode: Literal["fast", "exact"] = "exact"
    bits: Annotated[int, Field(ge=8, le=16)] | None = None
    max_pixels: Annotated[int, Field(ge=1, le=MOST_PIXELS)] = 50_000_000
    on_error: Literal["stop", "skip"] = "stop"
    cache: Text | None = None
    test_fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    test_seed: Count = 0
    table: Text | None = None
    file_column: Text | None = None
    label_column: Text | None = None
    split_column: Text | None = None
