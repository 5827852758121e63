"""The DataLoaders of somebody else's data module, as they are: what an epoch gives follows from seed and epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, Trainer
from lightning.pytorch.utilities import CombinedLoader
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Generator, Tensor
from torch.utils.data import DataLoader

from groundup.borrowed.torch import begin_workers_anew
from groundup.data.common_random import random_numbers_kept, seed_common
from groundup.data.fingerprint import fingerprint
from groundup.data.module import ImageData
from groundup.data.pairs import as_pair
from groundup.data.streams import AUGMENT, SHUFFLE
from groundup.errors import UserError
from groundup.seeds import mix_seed
from groundup.spec import DatasetSpec

HOOKS = {"train": "train_dataloader", "val": "val_dataloader", "test": "test_dataloader"}  # by split
WORDS = {"train": "training", "val": "validation", "test": "test"}
_BATCH_HOOKS = ("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer")
_OURS_TO_SAY = ("state_dict", "load_state_dict")  # a loader that resumes itself would pass over batches twice

Pair = tuple[Tensor, Tensor]


class Loader:
    """A loader of one split. What is asked of it is answered by the loader itself.

    Args:
        loader: any iterable of batches, a torch DataLoader for example.
        look: makes a pair of a batch.
        seed: of what the loader draws.
        where: it comes from, for messages.
    """

    def __init__(self, loader: Any, look: Callable[[Any], Any], seed: int, where: str):
        self.loader, self.seed, self.where = loader, seed, where
        self._look = look

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("loader", *_OURS_TO_SAY):
            raise AttributeError(name)
        return getattr(self.loader, name)

    def _seed_order(self, turn: int) -> None:
        """Before an iterator is made: from the common generators it takes its order, and seeds of its workers."""
        if isinstance(self.loader, DataLoader):
            begin_workers_anew(self.loader)
        seed_common(self.seed, SHUFFLE, turn)
        for number, generator in enumerate(_generators_of(self.loader)):
            generator.manual_seed(mix_seed(self.seed, SHUFFLE, turn, number))

    def _refuse_fewer(self, given: int) -> None:
        if (promised := length_of(self.loader)) is not None and given < promised:
            raise UserError(f"{self.where} has given {given} batches, and its len() is {promised}")


class TrainingLoader(Loader):
    """The training batches of an epoch after the other.

    The generators that everybody shares, Python's, NumPy's and torch's, are seeded before each batch is made, so that
    what a data set draws in this process follows from seed, epoch and batch. A generator of its own does not.

    Args:
        trainer: gives the one that trains, once there is one.
        passes: how often an epoch goes over the images.

    Attributes:
        start: the batch to begin the next epoch with: those before it are made, and passed over.
    """

    def __init__(
        self,
        loader: Any,
        look: Callable[[Any], Any],
        seed: int,
        where: str,
        trainer: Callable[[], Trainer | None],
        passes: int = 1,
    ):
        super().__init__(loader, look, seed, where)
        self.start = 0
        self.passes = passes
        self._trainer = trainer

    def __len__(self) -> int:
        return self.passes * len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        trainer = self._trainer()
        start, self.start = self.start, 0
        epoch, number = trainer.current_epoch if trainer else 0, 0
        for turn in range(self.passes):
            self._seed_order(epoch * self.passes + turn)
            batches, before = iter(self.loader), number
            while (batch := self._next(batches, epoch, number)) is not None:
                number += 1
                if number > start:
                    yield self._look(batch)
            self._refuse_fewer(number - before)
        if trainer is not None and number < trainer.num_training_batches < math.inf:
            wanted = f"trainer.limit_train_batches={trainer.limit_train_batches}"
            raise UserError(f"{self.where} has given {number} batches, fewer than {wanted} of an epoch")

    def _next(self, batches: Iterator[Any], epoch: int, number: int) -> Any:
        seed_common(self.seed, AUGMENT, epoch, number)
        return next(batches, None)


class EvaluationLoader(Loader):
    """The batches of a validation or a test, the same every time; nobody else draws less for them."""

    def __iter__(self) -> Iterator[Any]:
        with random_numbers_kept():
            self._seed_order(0)
            batches = iter(self.loader)
        number = 0
        while True:
            with random_numbers_kept():
                seed_common(self.seed, AUGMENT, number)
                batch = next(batches, None)
            if batch is None:
                break
            number += 1
            yield self._look(batch)
        self._refuse_fewer(number)


def take_over(
    module: LightningDataModule,
    name: str,
    spec: DatasetSpec,
    seed: int,
    passes: int = 1,
    prints: Mapping[str, str | None] | None = None,
) -> None:
    """Has a data module give its own loaders as those of this file. The object stays the one that it is.

    Args:
        name: of the data set, for messages.
        passes: see `TrainingLoader`.
        prints: by split, the `fingerprint` of the images that are expected, where that is known.
    """
    expected = dict(prints or {})
    looks = {split: _look_at_pairs(name, split, spec.num_classes) for split in HOOKS}
    in_loader: dict[str, Callable[[Any], Any]] = looks
    if changes_batches(module):  # what a loader gives is none yet
        in_loader = dict.fromkeys(HOOKS, lambda batch: batch)
        _look_after_transfer(module, looks)

    def make(split: str) -> Callable[[], Any]:
        given, where = getattr(module, HOOKS[split]), f"data={name}: its {WORDS[split]} loader"

        def hook() -> Any:
            loader = the_loader(given(), where)
            if loader is None:
                return []
            if split != "train" or module.trainer is None or module.trainer.current_epoch == 0:
                refuse_other_images(loader, expected.pop(split, None), where)
            if split != "train":
                return EvaluationLoader(loader, in_loader[split], seed, where)
            return TrainingLoader(loader, in_loader[split], seed, where, lambda: module.trainer, passes)

        return hook

    for split in splits_of(module):
        setattr(module, HOOKS[split], make(split))


def training_images(module: LightningDataModule, count: int, device: torch.device) -> Tensor:
    """At most `count` training images `(N, C, H, W)`, as a network sees them: where we do not make them ready
    ourselves, those of the first batches.
    """
    if isinstance(module, ImageData):
        return module.some_images(count, device)
    found: list[Tensor] = []
    with random_numbers_kept():
        for batch in the_loader(module.train_dataloader(), "training loader"):
            if changes_batches(module):
                batch = module.on_before_batch_transfer(batch, 0)
                batch = module.transfer_batch_to_device(batch, device, 0)
                batch = module.on_after_batch_transfer(batch, 0)
            found.append(batch[0].to(device))
            if sum(map(len, found)) >= count:
                break
    return torch.cat(found)[:count]


def splits_of(module: LightningDataModule) -> list[str]:
    """The splits that a data module has a method for."""
    return [split for split, hook in HOOKS.items() if is_overridden(hook, module)]


def the_loader(given: Any, where: str) -> Any:
    """The loader of a split, from what a data module gives; None where there is no such split.

    Raises:
        UserError: several loaders.
    """
    if isinstance(given, CombinedLoader | dict):
        raise UserError(f"{where} is a {type(given).__name__} of loaders; accepted: one DataLoader")
    if isinstance(given, list | tuple):
        if len(given) > 1:
            raise UserError(f"{where}: {len(given)} of them, but metrics are computed on one; accepted: one DataLoader")
        given = given[0] if given else None
    return given


def refuse_other_images(loader: Any, expected: str | None, where: str) -> None:
    """Makes sure that a loader has the images that were seen before, as far as that is told.

    Raises:
        UserError: it has others: a split anew would test on what was trained on.
    """
    now = fingerprint(loader)
    if expected is not None and now is not None and now != expected:
        raise UserError(
            f"{where} has other images than when the data module was set up before, as if it drew from a generator of "
            "its own; accepted: the same at every setup, e.g. a split by torch.Generator().manual_seed(0)"
        )


def changes_batches(module: LightningDataModule) -> bool:
    """Whether a data module makes something else of the batches of its loaders, before they are learnt from."""
    return any(is_overridden(hook, module) for hook in _BATCH_HOOKS)


def length_of(loader: Any) -> int | None:
    """How many batches a loader has; None where it does not say."""
    try:
        return len(loader)
    except (TypeError, NotImplementedError, AttributeError):
        return None


def _generators_of(loader: Any) -> list[Generator]:
    """Those that a DataLoader and its samplers have of their own, each once."""
    batch_sampler = getattr(loader, "batch_sampler", None)
    owners = (loader, getattr(loader, "sampler", None), batch_sampler, getattr(batch_sampler, "sampler", None))
    found = [getattr(owner, "generator", None) for owner in owners]
    return list({id(each): each for each in found if isinstance(each, Generator)}.values())


def _look_at_pairs(name: str, split: str, classes: int) -> Callable[[Any], Pair]:
    return lambda batch: as_pair(batch, classes, f"data={name}: its {WORDS[split]} loader")


def _look_after_transfer(module: LightningDataModule, looks: dict[str, Callable[[Any], Pair]]) -> None:
    given = module.on_after_batch_transfer

    def hook(batch: Any, dataloader_idx: int) -> Pair:
        trainer: Any = module.trainer
        split = "test" if trainer.testing else "val" if trainer.validating or trainer.sanity_checking else "train"
        return looks[split](given(batch, dataloader_idx))

    module.on_after_batch_transfer = hook  # type: ignore[method-assign]
