"""The generators that everybody shares, torch's on the CPU, NumPy's and Python's, which code of others draws from."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities.model_helpers import is_overridden

from groundup.data.streams import SETUP
from groundup.seeds import mix_seed

_SETTING_UP = ("prepare_data", "setup", "train_dataloader", "val_dataloader", "test_dataloader")


def seed_common(*numbers: int) -> None:
    """Seeds them by several numbers."""
    put_seed(mix_seed(*numbers))


def put_seed(seed: int) -> None:
    """Seeds them by a number that was mixed."""
    torch.default_generator.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


@contextmanager
def random_numbers_kept() -> Iterator[None]:
    """Leaves them as they were, whatever is drawn inside."""
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        torch.set_rng_state(before[0])
        np.random.set_state(before[1])
        random.setstate(before[2])


@contextmanager
def setting_up(seed: int) -> Iterator[None]:
    """What is drawn inside is the same every time: data that are split by chance are to be split once for all."""
    with random_numbers_kept():
        seed_common(seed, SETUP)
        yield


def seed_setup(module: LightningDataModule, seed: int) -> None:
    """Has the hooks of a data module that read and split its data draw the same at every call.

    A run sets it up to train, again to test, and again where it is resumed or evaluated: else images that were trained
    on would be tested on.
    """
    for name in _SETTING_UP:
        if is_overridden(name, module):
            setattr(module, name, _seeded(getattr(module, name), seed))


def _seeded(call: Callable[..., Any], seed: int) -> Callable[..., Any]:
    @functools.wraps(call)
    def hook(*arguments: Any, **options: Any) -> Any:
        with setting_up(seed):
            return call(*arguments, **options)

    return hook
