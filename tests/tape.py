"""A graph for the CPU: what a CUDA graph does to a function, at the pace of Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from groundup.learning.cuda_graphs import Result


class Tape:
    """Captures by noting every operation with the memory that it reads and writes, and replays by doing them again.

    As with a CUDA graph, capturing leaves no trace, numbers of Python stay as they were then, memory stays where it is,
    and the function cannot read a number from the device.
    """

    device_type = "cpu"
    warm_ups = 3
    generator = torch.default_generator
    made: ClassVar[list[Tape]] = []  # in this test

    def __init__(self, device: torch.device):
        self.captures = self.warmed = self.replays = 0
        self.made.append(self)

    def warm_up(self, function: Callable[[], Result]) -> Result:
        self.warmed += 1
        return function()

    def capture(self, function: Callable[[], Result]) -> Callable[[], Result]:
        self.captures += 1
        notes, random = _Notes(), torch.get_rng_state()
        with notes:
            result = function()
        notes.undo()
        torch.set_rng_state(random)

        def replay() -> Result:
            self.replays += 1
            notes.replay()
            return result

        return replay


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor) and leaf.numel()]


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


class _Notes(TorchDispatchMode):
    """Notes operations, and holds all that they read and made, so that no memory is given to others."""

    def __init__(self) -> None:
        super().__init__()
        self._operations: list[tuple[Any, Any, Any, list[Tensor], list[bool]]] = []
        self._made: set[int] = set()
        self._before: dict[int, tuple[Any, Any]] = {}

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if operation is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("a number is read from the device")
        given = _tensors((args, kwargs))
        for tensor in given:
            if _place(tensor) not in self._made | self._before.keys():
                storage = tensor.untyped_storage()
                self._before[_place(tensor)] = storage, storage.clone()
        result = operation(*args, **(kwargs or {}))
        results = _tensors(result)
        new = [_place(tensor) not in {_place(other) for other in given} for tensor in results]
        self._made |= {_place(tensor) for tensor, is_new in zip(results, new, strict=True) if is_new}
        self._operations.append((operation, args, kwargs or {}, results, new))
        return result

    def undo(self) -> None:
        for storage, before in self._before.values():
            storage.copy_(before)

    @torch.no_grad()
    def replay(self) -> None:
        for operation, args, kwargs, results, new in self._operations:
            again = _tensors(operation(*args, **kwargs))
            for old, fresh, is_new in zip(results, again, new, strict=True):
                if is_new:
                    old.copy_(fresh)
