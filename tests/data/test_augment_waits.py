"""No augmentation waits for the device; a GPU, which changes all images, gives what a CPU does of the chosen ones."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from groundup.data import draws, policies
from groundup.data.amounts import Amounts
from groundup.data.augment import chain
from groundup.data.augment_names import NAMES
from groundup.data.mixing import Mixing

WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "is_nonzero", "equal")


class NoWaiting(TorchDispatchMode):
    """Refuses what needs numbers of the device on the host."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        assert not name.startswith(WAITS), name
        if name == "index":
            assert all(index is None or index.dtype != torch.bool for index in args[1]), "a mask of images"
        return func(*args, **(kwargs or {}))


def where_of_a_gpu(which: Tensor, change, images: Tensor, *amounts: Tensor) -> Tensor:
    """The other branch of `draws.where`."""
    return torch.where(which[:, None, None, None], change(images, *amounts), images)


def images() -> Tensor:
    return torch.randint(0, 256, (40, 3, 12, 16), dtype=torch.uint8, generator=Generator().manual_seed(0))


def step(name: str):
    sides = torch.arange(40) % 2 == 0
    made = chain([name], Amounts(), fill=torch.full((3, 1, 1), 99, dtype=torch.uint8), two_sides=sides)
    return lambda: made(images(), torch.arange(40), torch.tensor(1), Generator().manual_seed(7))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("none", "mixup", "cutmix")])
def test_an_augmentation_is_the_same_on_a_gpu_and_waits_for_nothing(name, monkeypatch):
    alone = step(name)()
    monkeypatch.setattr(policies, "where", where_of_a_gpu)
    with NoWaiting():
        everywhere = step(name)()
    assert torch.equal(alone, everywhere)
    assert not torch.equal(alone, images())


def test_mixtures_wait_for_nothing():
    with NoWaiting():
        Mixing({"mixup": 0.2, "cutmix": 1.0})(torch.rand(8, 3, 12, 16))


def test_what_waits_is_noticed():
    with pytest.raises(AssertionError, match="nonzero"), NoWaiting():
        step("trivialaugment")()  # as a CPU does it
    assert draws.where is policies.where
