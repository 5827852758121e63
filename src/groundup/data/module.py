"""A data set as Lightning wants it: fetched, read, split, and served in batches on the model's device."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.core.hooks import DataHooks
from torch import Generator, Tensor

from groundup.data import augment as augmentation
from groundup.data.amounts import Amounts, warn_of_small_amounts
from groundup.data.augment_names import check_names
from groundup.data.balanced import BalancedOrder
from groundup.data.common_random import setting_up
from groundup.data.download import ensure
from groundup.data.equal_images import warn_of_equal_images
from groundup.data.finish import Finish
from groundup.data.folder_images import BrokenImages, FolderImages, files_of, read_folder
from groundup.data.folder_spec import FolderSpec
from groundup.data.folder_words import tell_what_is_there
from groundup.data.held_out import HeldOut
from groundup.data.image_reader import Reader
from groundup.data.images import MAX_PIXELS, Background, Manner, plain_manner
from groundup.data.listing import refuse_other_images
from groundup.data.loader import Batches, Positions, StreamedBatches, at_most
from groundup.data.mixing import mixing
from groundup.data.order import EpochOrder
from groundup.data.progressive import resize, size_at
from groundup.data.sources import Images, held
from groundup.data.specs import ResizedSpec, published
from groundup.data.streams import COINS
from groundup.errors import UserError
from groundup.seeds import seed_from
from groundup.spec import DatasetSpec


class ImageData(LightningDataModule):
    """A data set. The spec already has `image_size`, `channels`, `mean` and `std` of the config.

    A data set of your own is a subclass with two methods. This is a complete one, for a YAML with
    `_target_: my_package.Stars`, `name: stars` and, in its defaults list, `base`:

        class Stars(ImageData):
            @classmethod
            def describe(cls, data):
                return DatasetSpec(
                    "stars", channels=1, height=16, width=16, class_names=("single", "double"),
                    mean=(0.1,), std=(0.2,), train_size=8000, test_size=2000,
                )

            def load_split(self, split):
                if split == "val":
                    return None
                with np.load(self.root / f"stars_{split}.npz") as file:
                    return file["images"], file["labels"]

    `DatasetSpec` is in `groundup.spec`. The base class takes care of the validation split, limits, augmentation,
    resizing by `data.image_size`, batches on the device, the shares of several processes, and going on after a stop. A
    key of your own is an argument of `__init__(self, spec, root, *, mine=1, **options)`, which passes the others to
    `super().__init__(spec, root, **options)`. A stopped run goes on only with the same values. `prepare_data` may fetch
    files.

    Args:
        spec: the spec, which `make_spec` made from the same config.
        root: the folder that holds the files or gets them.
        mirror: a URL or folder that missing files are taken from.
        batch_size: the training images in a step, over all processes together.
        eval_batch_size: the images in a batch of validation and test; of large images fewer, so that memory suffices.
        val_fraction: the share of the training split that is held out, class by class. A folder with its own `val` does
            not use it.
        folds: cuts the training split into so many parts instead, each with its share of every class. `val_fraction` is
            not used then.
        fold: the part that is held out, from 0. The others are trained on.
        limit_train: takes only the first N images of the training split, before validation is cut from it.
        limit_test: takes only the first N images of the test split.
        augment: the names of the augmentations of training images, in order.
        crop_padding: how much an augmentation changes, see `Amounts`.
        shift: likewise.
        cutout_size: likewise.
        crop_scale: likewise.
        rotation: likewise.
        color_jitter: likewise.
        randaugment: likewise.
        erasing_probability: likewise.
        erasing_area: likewise.
        mixup_alpha: likewise.
        cutmix_alpha: likewise.
        sampler: `balanced` trains on every class equally often, see `BalancedOrder`; None on every image once an epoch.
        progressive_sizes: `(share of the training, pixels a side)` in rising order: the size of training images from
            that share on; None keeps the size.
        tta: the views that `test/acc_tta` averages: `none`, `mirror`, `shift` or `mirror_shift`.
        in_memory: False reads the same batches of an image folder from disk.
        workers: the processes that read images from disk.
        background: the colour behind transparent pixels of an image folder: a name, or red, green and blue of 0..255.
        resize: of an image folder: `squash`, `crop` or `pad`, see `Manner`.
        decode: likewise, `fast` or `exact`.
        bits: likewise.
        max_pixels: likewise.
        cache: where images of a folder are kept as they were decoded: `auto`, a folder, or None for nowhere.
        on_error: `stop` where images of a folder cannot be read, or `skip` them.
        labels: the `fine` or the `coarse` classes of cifar100.
        split: of emnist, `balanced`, `letters` and so on.
        extra: whether the easier images of svhn are trained on, too.
        test_fraction: what the spec of an image folder was cut by, if it has no test split of its own.
        test_seed: likewise.
        table: what the spec of an image folder was read from, if it is one.
        file_column: likewise.
        label_column: likewise.
        split_column: likewise.
        seed: the seed of the split, the order and the augmentation.

    Raises:
        UserError: values that do not go together.
    """

    def __init__(
        self,
        spec: DatasetSpec,
        root: str | os.PathLike[str],
        *,
        mirror: str | None = None,
        batch_size: int = 128,
        eval_batch_size: int = 1000,
        val_fraction: float | None = 0.1,
        folds: int | None = None,
        fold: int | None = None,
        limit_train: int | None = None,
        limit_test: int | None = None,
        augment: str | Sequence[str] = (),
        crop_padding: float = 4,
        shift: float = 2,
        cutout_size: float = 8,
        crop_scale: Sequence[float] = (0.08, 1.0),
        rotation: float = 15.0,
        color_jitter: Sequence[float] = (0.4, 0.4, 0.4, 0.1),
        randaugment: Sequence[float] = (2, 9),
        erasing_probability: float = 0.5,
        erasing_area: Sequence[float] = (0.02, 0.33),
        mixup_alpha: float = 0.2,
        cutmix_alpha: float = 1.0,
        sampler: Literal["balanced"] | None = None,
        progressive_sizes: Sequence[tuple[float, int]] | None = None,
        tta: str = "none",
        in_memory: bool = True,
        workers: int = 0,
        background: Background = "white",
        labels: str = "fine",
        split: str = "balanced",
        extra: bool = False,
        seed: int = 0,
        image_size: int | None = None,
        channels: int | None = None,
        mean: Sequence[float] | Literal["auto"] | None = None,
        std: Sequence[float] | Literal["auto"] | None = None,
        resize: Literal["squash", "crop", "pad"] = "squash",
        decode: Literal["fast", "exact"] = "exact",
        bits: int | None = None,
        max_pixels: int = MAX_PIXELS,
        cache: str | None = None,
        on_error: Literal["stop", "skip"] = "stop",
        test_fraction: float | None = None,
        test_seed: int = 0,
        table: str | None = None,
        file_column: str | None = None,
        label_column: str | None = None,
        split_column: str | None = None,
    ):
        super().__init__()
        if not (in_memory or isinstance(spec, FolderSpec)):
            raise UserError(f"data.in_memory=false: {spec.name} is always read into memory; accepted: true")
        self.spec = spec
        self.root, self.mirror = Path(root).expanduser(), mirror
        self._kind = {"name": spec.name, "labels": labels, "split": split, "extra": extra}
        self.batch_size = batch_size
        self.eval_batch_size = at_most(eval_batch_size, (spec.channels, *spec.image_size))
        self.held_out = HeldOut(val_fraction, folds, fold)
        self.limits = {"train": limit_train, "val": None, "test": limit_test}
        self.augment = check_names(augment, crop_padding, spec.image_size)
        self.amounts = Amounts(
            *(crop_padding, shift, cutout_size, crop_scale, rotation, color_jitter, randaugment),
            *(erasing_probability, erasing_area, mixup_alpha, cutmix_alpha),
        )
        self.mixing = mixing(self.augment, {"mixup": mixup_alpha, "cutmix": cutmix_alpha})
        self.sampler, self.progressive_sizes, self.tta = sampler, progressive_sizes, tta
        self.in_memory, self.workers, self.seed = in_memory, workers, seed
        self.manner, self.skips = Manner(background, resize, decode, bits, max_pixels), on_error == "skip"
        self.cache = cache
        self.splits: dict[str, Images | FolderImages | None] = {}
        self.measures = tuple(key for key, value in (("mean", mean), ("std", std)) if value == "auto")
        self._streams: list[StreamedBatches] = []  # that have workers, maybe
        self._is_told = False  # what there is
        self.takes_all_to_test = test_fraction == 1
        self.passes = 1  # over the training images that make up an epoch
        self.positions = False  # True: training batches are positions of images, which the learner makes images of
        self.train_order: EpochOrder | None = None  # of the last train_dataloader(); its `start` resumes an epoch

    @property
    def _is_published(self) -> bool:
        """Whether the images are read from published files, and not brought by a subclass."""
        return type(self).load_split is ImageData.load_split

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.spec.class_names

    @classmethod
    def describe(cls, data: Mapping[str, Any]) -> DatasetSpec:
        """The spec of the data set, made from the keys of its config before an image is read. Override it.

        `train_size` and `test_size` are those of the whole splits, 0 for a split that is missing. `mean` and `std` are
        those of training pixels scaled to 0..1.
        """
        return published(data).spec

    def load_split(self, split: str) -> tuple[Any, Any] | None:
        """Images `(N, C, H, W)` of uint8 and class numbers `(N,)` of a split, as tensors or arrays. Override it.

        Return None for a split that the data set does not have. Without `val`, validation is cut from `train`.

        Args:
            split: `train`, `val` or `test`.
        """
        return None if split == "val" else published(self._kind).read(self.root, split)

    def prepare_data(self) -> None:
        if self._is_published:
            ensure(self.spec.name, self.root, self.mirror, kind=self._kind)

    def setup(self, stage: str) -> None:
        """Reads what has not been read before; a split that is not there is None in `splits`.

        To fit, the test split is read too: what is broken in it would else be found when training is over.
        """
        wanted = ("test",) if stage == "test" else ("train", "val", "test")
        found = self.read(*[name for name in wanted if name not in self.splits])
        if self.held_out.folds is not None and found.get("val") is not None:
            raise UserError(
                f"data.folds={self.held_out.folds} with data={self.spec.name}: it has a validation split of its own, "
                "and folds are cut where there is none; accepted: null"
            )
        if "train" in found and found["val"] is None and self.cuts_validation:
            train = found["train"]
            assert train is not None, "every data set has a training split"
            found["train"], found["val"] = (train.pick(positions) for positions in self.cut(train.labels))
        self.splits |= found
        if found and not self._is_published and not isinstance(self.spec, FolderSpec):
            warn_of_equal_images(self.spec.name, self.splits)
        if stage != "test":
            warn_of_small_amounts(self.augment, self.amounts, self.spec.image_size)
        if isinstance(self.spec, FolderSpec) and stage == "fit" and not self._is_told:
            self._is_told = True
            tell_what_is_there(self.spec, self.splits, self.limits)
            if self.reader is not None:
                self.reader.tell(len(self.reader.digests))

    def teardown(self, stage: str) -> None:
        for stream in self._streams:
            stream.close()

    @property
    def cuts_validation(self) -> bool:
        """Whether validation is cut from the training split, where the data set has none of its own."""
        return self.held_out.any

    @property
    def train_size(self) -> int:
        """Images trained on, validation left out; known after `setup`."""
        return self._size("train")

    @property
    def training_labels(self) -> Tensor:
        """Classes `(N,)` of the images trained on, validation left out; known after `setup`."""
        images = self.splits["train"]
        assert images is not None, "every data set has a training split"
        return images.labels

    @property
    def val_size(self) -> int:
        return self._size("val")

    @property
    def test_size(self) -> int:
        """Images tested on, 0 where a folder has no test split; known from the start, but for those left out."""
        if self.splits.get("test") is not None:
            return self._size("test")
        limit = self.limits["test"]
        return self.spec.test_size if limit is None else min(limit, self.spec.test_size)

    def share(self, batch: int) -> float:
        """What this process's mean loss of a training batch is multiplied by, see `EpochOrder.share`."""
        assert self.train_order is not None, "the share of a batch is known once train_dataloader() was called"
        return self.train_order.share(batch)

    def train_dataloader(self) -> Batches | Positions | StreamedBatches:
        loader = self._loader("train", self.batch_size, shuffle=True, passes=self.passes)
        self.train_order = loader.sampler
        return loader

    def val_dataloader(self) -> Batches | Positions | StreamedBatches | list:
        return self._loader("val", self.eval_batch_size) if self.splits["val"] is not None else []

    def test_dataloader(self) -> Batches | Positions | StreamedBatches | list:
        return self._loader("test", self.eval_batch_size) if self.splits["test"] is not None else []

    def evaluation_dataloader(self, split: str) -> Batches | Positions | StreamedBatches | list:
        """The batches of a split as it is evaluated: in order, not augmented; `train` too."""
        return self._loader(split, self.eval_batch_size, plain=True) if self.splits[split] is not None else []

    def evaluated(self, split: str) -> tuple[int, Tensor]:
        """How many images an evaluation of a split has, and which of them, by position, this process sees in turn."""
        order = self._order(split, self.eval_batch_size)
        return order.size, torch.cat(order.batches())

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """It is there already; what a LightningModule of somebody else's does with it is done all the same."""
        if self._module_has("transfer_batch_to_device"):
            return self.trainer.lightning_module.transfer_batch_to_device(batch, device, dataloader_idx)  # type: ignore[union-attr]
        return batch

    def some_images(self, count: int, device: torch.device) -> Tensor:
        """At most `count` of the training images, from first to last: `(N, C, H, W)`, normalised, not augmented."""
        images = self.splits["train"]
        assert images is not None, "every data set has a training split"
        total = len(images.labels)
        rows = torch.linspace(0, total - 1, min(count, total)).long()
        if isinstance(images, FolderImages):
            pixels = torch.stack([images[row][0] for row in rows.tolist()])
        else:
            pixels = images.pixels[rows]
        return self.finish("val", total, device)(pixels.to(device), rows.to(device), 0, 0)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        training = self.trainer is not None and self.trainer.training and not self.positions
        pixels = self.shown_size() if training else None
        batch = batch if pixels is None else (resize(batch[0], pixels), batch[1])
        if self._module_has("on_after_batch_transfer"):  # Lightning would call one of the two hooks alone
            return self.trainer.lightning_module.on_after_batch_transfer(batch, dataloader_idx)  # type: ignore[union-attr]
        return batch

    def _module_has(self, hook: str) -> bool:
        """Whether the module that is trained or evaluated has a hook of its own."""
        module = self.trainer.lightning_module if self.trainer is not None else None
        return module is not None and getattr(type(module), hook) is not getattr(DataHooks, hook)

    def shown_size(self) -> int | None:
        """Pixels a side of the training images at this step, where they grow during training."""
        if self.progressive_sizes is None or self.trainer is None:
            return None
        learner: Any = self.trainer.lightning_module
        return size_at(self.progressive_sizes, self.trainer.global_step, learner.total_steps)

    def _size(self, split: str) -> int:
        images = self.splits[split]
        return len(images.labels) if images is not None else 0

    def read(self, *names: str) -> dict[str, Images | FolderImages | None]:
        """Splits as they are published, None where there is none; validation is not cut from the training split.

        Raises:
            BrokenImages: all image files that cannot be read, of all these splits.
            UserError: anything else that cannot be read.
        """
        found: dict[str, Images | FolderImages | None] = {}
        problems: list[str] = []
        for name in names:
            try:
                found[name] = self._read(name)
            except BrokenImages as error:
                problems += error.problems
        if problems:
            raise BrokenImages(problems)
        return found

    def _read(self, split: str) -> Images | FolderImages | None:
        if isinstance(self.spec, FolderSpec):
            manner, reader = self.manner, self.reader
            return read_folder(self.spec, split, self.limits[split], manner, self.in_memory, self.skips, reader)
        spec = self.spec.brought if isinstance(self.spec, ResizedSpec) else self.spec
        # published files are known by their MD5; how many images a split has of a `val`, nobody says
        count = None if self._is_published else {"train": spec.train_size, "test": spec.test_size}.get(split)
        with setting_up(self.seed):  # what somebody's own draws is the same whenever it is read
            images = self.load_split(split)
        return held(spec, split, images, self.spec.image_size, count=count, limit=self.limits[split])

    @cached_property
    def reader(self) -> Reader | None:
        """Of image files; None decodes each when it is asked for. What is not held in memory is kept where one says."""
        if not self.in_memory and self.cache in (None, "auto"):
            return None
        return Reader((self.spec.channels, *self.spec.image_size), self.manner, self.cache)

    def state_dict(self) -> dict[str, Any]:
        """What decides which images are trained on: for a checkpoint, so that a run goes on with the same."""
        state = self.held_out.plain() | {"limit_train": self.limits["train"], "seed": self.seed}
        if not isinstance(self.spec, FolderSpec):  # the files of the others are those that were published
            return state
        return state | plain_manner(self.manner) | self._begun_with

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Makes sure that a run goes on with the images that it was begun with.

        Raises:
            UserError: they are others. The message says which, or which key makes them so.
        """
        if "files" in state and "decode" not in state:  # of an older version, which decoded all of every file
            self.manner = replace(self.manner, decode="exact")
        refuse_other_images(state, self.state_dict(), self.root)

    @cached_property
    def _begun_with(self) -> dict[str, Tensor]:
        """Names below `root`, classes and contents of the images of a folder to train and to validate on."""
        assert isinstance(self.spec, FolderSpec), "the files of a published data set are always the same"
        return files_of(self.spec, self.limits["train"], self.root, self.reader if self.in_memory else None)

    def cut(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The positions of a training split with these labels to train on, and those held out for validation."""
        return self.held_out.cut(labels, self.class_names, self.seed)

    def _loader(
        self, split: str, batch_size: int, shuffle: bool = False, passes: int = 1, plain: bool = False
    ) -> Batches | Positions | StreamedBatches:
        images = self.splits[split]
        assert images is not None
        trainer = self.trainer
        device = trainer.strategy.root_device if trainer else torch.device("cpu")
        order = self._order(split, batch_size, shuffle, passes)
        finish = self.finish("val" if plain else split, order.size, device, order.rank)
        if isinstance(images, FolderImages):
            self._streams.append(StreamedBatches(images, order, finish, self.workers))
            return self._streams[-1]
        kind = Positions if self.positions and split == "train" and not plain else Batches
        return kind(images.pixels.to(device), images.labels.to(device), order, finish)

    def _order(self, split: str, batch_size: int, shuffle: bool = False, passes: int = 1) -> EpochOrder:
        trainer = self.trainer
        rank, world_size = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        options: dict[str, Any] = {"seed": self.seed, "passes": passes, "rank": rank, "world_size": world_size}
        if shuffle and self.sampler == "balanced":
            return BalancedOrder(self.training_labels, batch_size, **options)
        return EpochOrder(self._size(split), batch_size, shuffle=shuffle, **options)

    def finish(self, split: str, count: int, device: torch.device, rank: int = 0) -> Finish:
        """What makes batches of the `count` images of a split ready: training images are augmented."""
        augment = self._augment(count, device) if split == "train" else None
        return Finish(self.spec.mean, self.spec.std, device, augment=augment, seed=self.seed, rank=rank)

    def _augment(self, count: int, device: torch.device) -> augmentation.Step | None:
        coins = torch.rand(count, generator=Generator().manual_seed(seed_from(self.seed, COINS))) < 0.5
        fill = torch.tensor(self.spec.mean).mul(255).round().to(torch.uint8)[:, None, None]
        return augmentation.chain(self.augment, self.amounts, fill=fill.to(device), two_sides=coins.to(device))
