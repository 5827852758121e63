"""What is known of a data set before it is read: sizes, class names, statistics. No torch, no NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from groundup.data.classes import refuse_others, refuse_unknown
from groundup.data.folder import count, scan, scan_split
from groundup.errors import UserError
from groundup.spec import DatasetSpec, class_name

_DIGITS = tuple("0123456789")
_CLOTHING = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_OBJECTS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_FINE_NAMES = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
    castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
    elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
    man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck
    pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
    skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
    tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
_COARSE_NAMES = """
    aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices
    household_furniture insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes
    large_omnivores_and_herbivores medium_mammals non-insect_invertebrates people reptiles small_mammals trees
    vehicles_1 vehicles_2
"""
_FINE, _COARSE = tuple(_FINE_NAMES.split()), tuple(_COARSE_NAMES.split())

# Means and standard deviations are those of the training pixels scaled to 0..1.
_PUBLISHED = {
    spec.name: spec
    for spec in (
        DatasetSpec("digits", 1, 8, 8, _DIGITS, (0.3059,), (0.3763,), 1438, 359),
        DatasetSpec("mnist", 1, 28, 28, _DIGITS, (0.1307,), (0.3081,), 60_000, 10_000),
        DatasetSpec("fashion_mnist", 1, 28, 28, _CLOTHING, (0.2860,), (0.3530,), 60_000, 10_000),
        DatasetSpec("cifar10", 3, 32, 32, _OBJECTS, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), 50_000, 10_000),
        DatasetSpec("cifar100", 3, 32, 32, _FINE, (0.5071, 0.4866, 0.4409), (0.2673, 0.2564, 0.2762), 50_000, 10_000),
    )
}
NAMES = (*_PUBLISHED, "image_folder")

Found = tuple[tuple[str, ...], int, int]  # of a folder: its classes, the images to train and to test on


def make_spec(data: Mapping[str, Any]) -> DatasetSpec:
    """Makes the spec of the data set that a data config describes.

    Args:
        data: the plain mapping of the config's data node. `name` and, where present, `image_size` (images are resized
            to N x N) and `labels` (`fine` or `coarse`, of cifar100) are read; of an image folder also `root`,
            `channels`, `mean` and `std`.

    Raises:
        UserError: an unknown name or value, or an image folder that cannot be used.
    """
    try:
        return _make_spec(data)
    except ValueError as error:  # of what no data set has, in the words of `DatasetSpec`
        raise UserError(f"data={data.get('name')}: {error}") from error


def _make_spec(data: Mapping[str, Any]) -> DatasetSpec:
    name = data.get("name")
    if name == "image_folder":
        return _folder_spec(data, _to_train_on)
    if name not in _PUBLISHED:
        raise UserError(f"data.name={name}: unknown; accepted: {', '.join(NAMES)}")
    spec = _PUBLISHED[name]
    if (size := _image_size(data)) is not None:
        spec = replace(spec, height=size, width=size)
    labels = data.get("labels") or "fine"
    if labels not in ("fine", "coarse"):
        raise UserError(f"data.labels={labels}: accepted: fine, coarse")
    if labels == "coarse":
        if name != "cifar100":
            raise UserError(f"data.labels=coarse: {name} has one kind of labels; accepted: fine")
        spec = replace(spec, class_names=_COARSE)
    return spec


def make_test_spec(data: Mapping[str, Any], trained: DatasetSpec) -> DatasetSpec:
    """Makes the spec of test images for a network that was trained on `trained`: its classes in its own order.

    So labels follow from the names of classes, wherever the images come from and however their classes sort there. An
    image folder needs no images to train on, and may lack some of the classes. Pixels are scaled as the network is
    used to.

    Raises:
        UserError: as `make_spec`, or the network was not trained on one of the classes.
    """
    names = tuple(class_name(name) for name in trained.class_names)
    if data.get("name") == "image_folder":
        spec = _folder_spec(data, lambda root: _to_test_on(root, names))
    else:
        spec = make_spec(data)
        # their labels are places among names of their own
        refuse_others(spec.class_names, names, f"data.name={spec.name}", "accepted: data with its classes")
    return replace(spec, class_names=names, mean=trained.mean, std=trained.std)


def _to_train_on(root: str) -> Found:
    found = scan(root)
    return found.class_names, count(found.train), count(found.test)


def _to_test_on(root: str, names: tuple[str, ...]) -> Found:
    images = scan_split(root, "test")
    refuse_unknown(images, names, f"data.root={root}: test/")
    return names, 0, count(images)


def _folder_spec(data: Mapping[str, Any], find: Callable[[str], Found]) -> DatasetSpec:
    size = _image_size(data)
    if size is None:
        raise UserError("data.image_size=null: an image folder needs a size, e.g. data.image_size=32")
    channels = data.get("channels", 3)
    if channels not in (1, 3):
        raise UserError(f"data.channels={channels}: accepted: 1 (grey), 3 (colour)")
    if not data.get("root"):
        raise UserError("data.root is not set: the folder that holds train/CLASS/*.png")
    names, train_size, test_size = find(data["root"])
    mean = _per_channel("mean", data.get("mean"), channels, default=0.5)
    std = _per_channel("std", data.get("std"), channels, default=0.25)
    if min(std) <= 0:
        raise UserError(f"data.std={list(std)}: every value must be greater than 0")
    return DatasetSpec("image_folder", channels, size, size, names, mean, std, train_size, test_size)


def _image_size(data: Mapping[str, Any]) -> int | None:
    size = data.get("image_size")
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise UserError(f"data.image_size={size}: accepted: a whole number of pixels >= 1, or null")
    return size


def _per_channel(key: str, values: Sequence[float] | None, channels: int, default: float) -> tuple[float, ...]:
    if values is None:
        return (default,) * channels
    if isinstance(values, str) or not isinstance(values, Sequence) or len(values) != channels:
        raise UserError(f"data.{key}={values}: accepted: a list of {channels} (data.channels) numbers, or null")
    return tuple(float(value) for value in values)
