"""Cutting validation data from the training split: a share of it, or one of several folds."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def stratified_split(labels: Tensor, fraction: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Splits positions so that every class is held out by the same fraction, as near as whole images allow.

    Args:
        labels: `(N,)` of int64.
        fraction: held out; `round(N * fraction)` images in all.
        generator: chooses them.

    Returns:
        The positions that are kept and those held out, both ascending.
    """
    exact = torch.bincount(labels).double() * fraction
    quota = exact.floor().long()
    left = round(len(labels) * fraction) - int(quota.sum())
    quota[(exact - quota).argsort(descending=True, stable=True)[:left]] += 1  # largest remainders first
    order = torch.randperm(len(labels), generator=generator)
    held_out = torch.zeros(len(labels), dtype=torch.bool)
    for label, count in enumerate(quota.tolist()):
        held_out[order[labels[order] == label][:count]] = True
    return (~held_out).nonzero()[:, 0], held_out.nonzero()[:, 0]


def stratified_folds(labels: Tensor, folds: int, generator: Generator) -> Tensor:
    """Deals positions out to folds: of every class, and of all together, each gets as many as any other, or one more.

    Every position is in one fold. The images of a class are dealt out in a random order, and the next class goes on
    where the last one ended.

    Args:
        labels: `(N,)` of int64.
        folds: their number.
        generator: chooses the order.

    Returns:
        `(N,)` of int64: the fold of every position, from 0.
    """
    order = torch.randperm(len(labels), generator=generator)
    by_class = order[labels[order].argsort(stable=True)]
    dealt = torch.empty(len(labels), dtype=torch.int64)
    dealt[by_class] = torch.arange(len(labels)) % folds
    return dealt
