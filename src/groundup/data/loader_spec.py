"""What a model must know of somebody else's data module, found out by a look at its loaders before training."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import torch
from lightning.pytorch import LightningDataModule, Trainer
from lightning.pytorch.plugins.environments import LightningEnvironment
from torch import Tensor

from groundup.borrowed.lightning import RANK_ZERO_LOG
from groundup.data.classes import refuse_others
from groundup.data.classes_said import NUMBER, names_said
from groundup.data.common_random import random_numbers_kept
from groundup.data.every_image import images_of, in_order, refuse_dropping, refuse_other_counts, refuse_other_places
from groundup.data.fingerprint import common_images, fingerprint
from groundup.data.known_labels import labels_of
from groundup.data.loaders import WORDS, changes_batches, refuse_other_images, splits_of, the_loader
from groundup.data.pairs import as_pair
from groundup.data.whose import refusal
from groundup.errors import UserError, log_of_tracebacks
from groundup.printable import printable
from groundup.spec import DatasetSpec, class_name, refuse_statistics_of_bytes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoaderSpec(DatasetSpec):
    """The spec of what loaders give; without `mean` and `std`, which nobody knows, where the module has no spec.

    Attributes:
        val_size: images of validation; 0 where there is none.
        prints: by split, the `fingerprint` of its images.
    """

    val_size: int = field(kw_only=True)
    prints: Mapping[str, str | None] = field(kw_only=True, repr=False, compare=False)


class Seen(NamedTuple):
    """What a look at a loader has found: its images, and the shape `(C, H, W)` of the first."""

    images: int
    shape: tuple[int, ...]


def loader_spec(make: Callable[[], LightningDataModule], data: Mapping[str, Any]) -> LoaderSpec:
    """The spec of a data module that `make` makes, whose hooks are called in Lightning's order.

    The number of classes is `num_classes` of its config, or what it, or its training data set, says as `num_classes`,
    `class_names` or `classes`; else its training labels are counted. All validation and test labels are looked at.

    Raises:
        UserError: it fails, or its batches are none that can be learnt from.
    """
    with _looking(make, data) as look:
        train, val = look.loaders("fit", "train", "val")
        if train is None:
            raise refusal(data, "it has no training data", "a train_dataloader()")
        shape = look.shape("train", train)
        said = _spec_said(look.module)
        if said is None:
            _warn_of_channels_last(look.where("train"), shape)
        names = said.class_names if said else names_said(look.module, data, getattr(train, "dataset", None))
        images = images_of(train)
        if names is None:
            names, counted = _counted(look, train)
            images = images or counted
        seen = {"train": Seen(images, shape)}
        seen["val"] = look.through("val", val, len(names), shape)
        (test,) = look.loaders("test", "test")
        look.at_common_images(train, val, test)
        seen["test"] = look.through("test", test, len(names), shape)
        _refuse_wrong_spec(data, names, said)
    spec = LoaderSpec(
        name=said.name if said else str(data.get("name")),
        **dict(zip(("channels", "height", "width"), shape, strict=True)),  # type: ignore[arg-type]
        class_names=names,
        mean=said.mean if said else (),
        std=said.std if said else (),
        train_size=seen["train"].images,
        test_size=seen["test"].images,
        val_size=seen["val"].images,
        prints=look.prints,
    )
    if said and (said.channels, *said.image_size) != shape:
        wanted = (said.channels, *said.image_size)
        raise refusal(data, f"images of shape {shape}", f"those of its own spec, {wanted}")
    return spec


def loader_test_spec(
    make: Callable[[], LightningDataModule], data: Mapping[str, Any], trained: DatasetSpec
) -> LoaderSpec:
    """The spec of the test images of a data module that `make` makes, for a network that was trained on `trained`.

    Raises:
        UserError: as `loader_spec`; or it says other classes than the network was trained on.
    """
    with _looking(make, data) as look:
        (test,) = look.loaders("test", "test")
        said = names_said(look.module, data, getattr(test, "dataset", None))
        if said is not None:
            where = f"data={data.get('name')}"
            refuse_others(said, trained.class_names, where, "accepted: data with its classes")
        shape = (trained.channels, *trained.image_size)
        seen = look.through("test", test, trained.num_classes, shape)
    return LoaderSpec(**trained.plain() | {"test_size": seen.images}, val_size=0, prints=look.prints)


@contextmanager
def _looking(make: Callable[[], LightningDataModule], data: Mapping[str, Any]) -> Iterator[_Look]:
    """A look at a data module that is made for it alone: random numbers stay as they are."""
    with random_numbers_kept(), _without_notes():
        look = _Look(make(), data)
        with look.going_on():
            yield look


class _Look:
    """Calls the hooks of a data module as Lightning does, and looks at what its loaders give."""

    def __init__(self, module: LightningDataModule, data: Mapping[str, Any]):
        self.module, self.data = module, data
        self._doing = ""
        self._splits = splits_of(module)
        self._stages: list[str] = []
        self.prints: dict[str, str | None] = {}

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Around all of it: what fails is told, and the module is left in order.

        Raises:
            UserError: something of theirs has failed.
        """
        self.module.trainer = Trainer(
            accelerator="cpu",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            plugins=[LightningEnvironment()],
        )
        try:
            yield
            for stage in self._stages:
                self._do(f'teardown("{stage}")', partial(self.module.teardown, stage=stage))
        except UserError:
            raise
        except Exception as error:  # of any kind: it is theirs
            log_of_tracebacks.error("traceback of the data module", exc_info=error)
            reason = " ".join(str(error).split())
            said = f"its {self._doing} fails: {type(error).__name__}: {reason}"
            raise refusal(self.data, said, "a data module that works by itself") from error
        finally:
            self.module.trainer = None

    def loaders(self, stage: str, *splits: str) -> list[Any]:
        """Those of these splits, None where there is none."""
        if not self._stages:
            self._do("prepare_data()", self.module.prepare_data)
        self._say_that_it_is(splits[0])
        self._stages.append(stage)
        self._do(f'setup("{stage}")', lambda: self.module.setup(stage=stage))
        found = {split: self._loader(split) if split in self._splits else None for split in splits}
        self.prints |= {split: fingerprint(loader) for split, loader in found.items()}
        return list(found.values())

    def at_common_images(self, train: Any, val: Any, test: Any) -> None:
        """Once it is set up to test: says which images are in two splits.

        Raises:
            UserError: it has other images to train on than before, as if split anew.
        """
        try:
            again = the_loader(self.module.train_dataloader(), self.where("train"))
        except Exception:  # of any kind: nobody promises that it can, set up to test
            again = train
        if getattr(again, "dataset", None) is not getattr(train, "dataset", None):
            refuse_other_images(again, self.prints["train"], self.where("train"))
        _warn_of_common_images(self.where("val"), val, train)
        _warn_of_common_images(self.where("test"), test, again)
        _warn_of_common_images(self.where("test"), test, val, "validated")

    def _loader(self, split: str) -> Any:
        given = self._do(f"{split}_dataloader()", getattr(self.module, f"{split}_dataloader"))
        loader = the_loader(given, self.where(split))
        if split != "train" and loader is not None:
            refuse_dropping(loader, self.where(split))
            refuse_other_places(loader, self.where(split))
        return loader

    def shape(self, split: str, loader: Any) -> tuple[int, ...]:
        """`(C, H, W)` of the images of its first batch."""
        batch = self._do("first batch", lambda: next(iter(loader), None))
        if batch is None:
            raise refusal(self.data, f"its {WORDS[split]} loader gives no batch", "at least one")
        return tuple(self.pair(split, batch)[0].shape[1:])

    def through(self, split: str, loader: Any, classes: int, shape: tuple[int, ...]) -> Seen:
        """Looks at all labels of an evaluation: one that is none of the classes must not be met after training."""
        if loader is None:
            return Seen(0, shape)
        found = self.shape(split, loader)
        if found != shape:
            raise UserError(f"{self.where(split)} gives images of shape {found}, the training loader of {shape}")
        labels = None if changes_batches(self.module) else labels_of(loader)
        if labels is not None:
            self.pair_of_labels(split, labels, classes)
            return Seen(images_of(loader), shape)
        log.info(f"{self.where(split)} is read once, to check that its labels are among the classes")
        batches = [len(labels) for labels in self.labels(split, loader, classes)]
        refuse_other_counts(loader, len(batches), sum(batches), self.where(split))
        return Seen(sum(batches), shape)

    def labels(self, split: str, loader: Any, classes: int | None = None) -> Iterator[Tensor]:
        """The labels of every batch."""
        batches = self._do(f"{WORDS[split]} loader", lambda: iter(loader))
        while (batch := self._do(f"{WORDS[split]} loader", lambda: next(batches, None))) is not None:
            yield self.pair(split, batch, classes)[1]

    def pair(self, split: str, batch: Any, classes: int | None = None) -> tuple[Tensor, Tensor]:
        """A batch as it comes to a network."""
        if changes_batches(self.module):
            self._say_that_it_is(split)
            batch = self._do("batch hooks", lambda: self._transferred(batch))
        return as_pair(batch, classes, self.where(split))

    def pair_of_labels(self, split: str, labels: Tensor, classes: int | None = None) -> None:
        """Looks at labels alone."""
        as_pair((torch.zeros(1).expand(len(labels), 1, 1, 1), labels), classes, self.where(split))

    def _transferred(self, batch: Any) -> Any:
        batch = self.module.on_before_batch_transfer(batch, 0)
        batch = self.module.transfer_batch_to_device(batch, torch.device("cpu"), 0)
        return self.module.on_after_batch_transfer(batch, 0)

    def _say_that_it_is(self, split: str) -> None:
        """What hooks of theirs may ask the Trainer."""
        trainer: Any = self.module.trainer
        setattr(trainer, {"train": "training", "val": "validating", "test": "testing"}[split], True)

    def where(self, split: str) -> str:
        return f"data={self.data.get('name')}: its {WORDS[split]} loader"

    def _do(self, what: str, call: Callable[[], Any]) -> Any:
        self._doing = what
        return call()


def _warn_of_common_images(where: str, loader: Any, other: Any, done: str = "trained") -> None:
    if loader is not None and other is not None and (common := common_images(loader, other)):
        log.warning(f"{where} has {common:,} images that are {done} on, too; its metrics are not those of new images")


def _warn_of_channels_last(where: str, shape: tuple[int, ...]) -> None:
    if shape[2] in (1, 3, 4) and shape[0] > 4:
        log.warning(
            f"{where} gives images of shape {shape}, taken as {shape[0]} channels of {shape[1]} x {shape[2]} pixels; "
            "if the channels are last, permute them to (C, H, W)"
        )


def _refuse_wrong_spec(data: Mapping[str, Any], names: tuple[str, ...], said: DatasetSpec | None) -> None:
    if twice := [name for name, count in Counter(map(class_name, names)).items() if count > 1]:
        raise refusal(data, f"{printable(twice[0])} names more than one of its classes", "each name once")
    try:
        refuse_statistics_of_bytes(said.mean if said else (), said.std if said else ())
    except ValueError as error:
        raise refusal(data, f"its spec has {error}", "those of pixels in 0..1") from error


def _spec_said(module: LightningDataModule) -> DatasetSpec | None:
    said = getattr(module, "spec", None)
    return said if isinstance(said, DatasetSpec) else None


def _counted(look: _Look, train: Any) -> tuple[tuple[str, ...], int]:
    """The classes, from 0 to the largest label of the training images, and how many images there are."""
    labels = None if changes_batches(look.module) else labels_of(train)
    if labels is None:
        log.info(f"{look.where('train')} is read once, to count its classes")
        labels = torch.cat(list(look.labels("train", in_order(train))))
    look.pair_of_labels("train", labels)
    there = labels.to(torch.int64).unique().tolist()
    number = int(there[-1]) + 1
    name, images = look.data.get("name"), len(labels)
    if number > images:
        raise UserError(
            f"{look.where('train')} gives {images} images with class numbers to {number - 1}; accepted: class numbers "
            f"from 0 on, and how many classes there are as {NUMBER} of the data module"
        )
    absent = f", {number - len(there)} of them without an image" if len(there) < number else ""
    log.info(f"data={name}: {number} classes{absent}, counted from the labels of {images:,} training images")
    return tuple(map(str, range(number))), images


@contextmanager
def _without_notes() -> Iterator[None]:
    """What Lightning says of a Trainer that trains nothing is no news."""
    noted = logging.getLogger(RANK_ZERO_LOG)
    level = noted.level
    noted.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        noted.setLevel(level)
