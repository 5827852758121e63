"""Multiply-adds of what PyTorch computes, and which of its operations multiply without being counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.backends import mha
from torch.utils.flop_counter import FlopCounterMode

from groundup.borrowed.torch import DISTANCES, EachOperation, family_of

aten = torch.ops.aten
# Operations that multiply, whether there is a formula or not. What is not here, such as an activation, pooling or a
# normalization, has no products of matrices.
_PRODUCTS = re.compile(
    r"mm|mv|conv|linear|dot|cdist|_dist|einsum|matmul|rnn|lstm|gru|attention|transformer|fft|linalg|outer|kron|ger$|addr"
)
_NO_PRODUCTS = re.compile(r"upsample|cumm")  # `upsample_bilinear2d`, `cummax`: names that look alike
_OWN = ("aten", "prim", "prims", "profiler")  # operations of others may be anything


class Count:
    """What was counted.

    Attributes:
        multiply_adds: of all products of matrices, convolutions and distances.
        uncounted: operations that multiply and that there is no formula of; with one of them the number is too small.
    """

    def __init__(self) -> None:
        self.multiply_adds = 0
        self.uncounted: dict[str, None] = {}


@contextmanager
def counting() -> Iterator[Count]:
    """Counts what is computed inside; the numbers are there at the end.

    PyTorch's own counter has formulas of matrix products, convolutions and attention, and passes over all else in
    silence. Here products with a vector, distances and LSTMs have one too, and what has none is named. Attention is
    computed step by step meanwhile: fused, it would be an operation without a formula.
    """
    count = Count()
    with _unfused(), FlopCounterMode(display=False, custom_mapping=_FORMULAS) as flops, _Watch(flops, count):
        yield count
    count.multiply_adds = flops.get_total_flops() // 2


@contextmanager
def _unfused() -> Iterator[None]:
    before = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        mha.set_fastpath_enabled(before)


class _Watch(EachOperation):
    """Sees each operation before the counter does."""

    def __init__(self, flops: FlopCounterMode, count: Count):
        super().__init__()
        self._flops, self._count = flops, count
        self._looked_at: set[Any] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func not in self._looked_at:
            self._looked_at.add(func)
            name = str(func.name())
            if family_of(func) not in self._flops.flop_registry and _multiplies(name):
                self._count.uncounted[name.partition(".")[0]] = None
        return func(*args, **(kwargs or {}))


def _multiplies(name: str) -> bool:
    """Whether an operation, `aten::mm`, may have products of matrices in it."""
    room, _, operation = name.partition("::")
    operation = operation.partition(".")[0]
    return room not in _OWN or bool(_PRODUCTS.search(operation) and not _NO_PRODUCTS.search(operation))


# Formulas give twice the multiply-adds, as those of PyTorch do, from the shapes of what an operation takes.


def _matrix_vector(matrix: Any, vector: Any, **_: Any) -> int:
    return 2 * matrix[0] * matrix[1]


def _added_matrix_vector(added: Any, matrix: Any, vector: Any, **_: Any) -> int:
    return 2 * matrix[0] * matrix[1]


def _dot(one: Any, other: Any, **_: Any) -> int:
    return 2 * one[0]


def _distances(ones: Any, others: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    """Of each to each, with a difference and its square a coordinate."""
    return 2 * torch.Size(out_shape).numel() * ones[-1]


def _lstm(images: Any, of_input: Any, of_state: Any, *_: Any, **__: Any) -> int:
    """A layer: both its matrices at each place of each sequence."""
    return 2 * images[0] * images[1] * (torch.Size(of_input).numel() + torch.Size(of_state).numel())


_FORMULAS = {
    aten.mv: _matrix_vector,
    aten.addmv: _added_matrix_vector,
    aten.dot: _dot,
    aten.mkldnn_rnn_layer: _lstm,
    **dict.fromkeys(DISTANCES, _distances),
}
