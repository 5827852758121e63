"""Which classes were taken for which: the test split's confusion matrices, added up over runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from groundup.report.runs import Run
from groundup.sweep.table import Figure, number_in

MATRIX, PER_CLASS = "test/confusion", "test/per_class"  # in results.json


@dataclass(frozen=True)
class Confusion:
    """Counts `(K, K)`, a row for each true class, over `n` runs."""

    classes: tuple[str, ...]
    counts: np.ndarray
    n: int

    @property
    def shares(self) -> np.ndarray:
        """Of the images of each true class; 0 in the row of a class without images."""
        return self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1)

    def mistakes(self, number: int) -> list[tuple[str, str, int, float]]:
        """The most frequent ones: true class, predicted class, count, share of the true class."""
        off = self.counts.copy()
        np.fill_diagonal(off, 0)
        largest = np.argsort(-off, axis=None, kind="stable")[:number]
        places = [divmod(int(place), len(self.classes)) for place in largest]
        return [
            (self.classes[i], self.classes[j], int(off[i, j]), float(self.shares[i, j])) for i, j in places if off[i, j]
        ]


def confusion(runs: Sequence[Run]) -> Confusion | None:
    """The sum over the runs that have the classes of the first one; None where no run has a matrix."""
    found = [(classes_of(run), matrix) for run in runs if (matrix := _matrix(run)) is not None]
    if not found:
        return None
    classes, first = found[0]
    same = [matrix for names, matrix in found if names == classes and matrix.shape == first.shape]
    names = classes if len(classes) == len(first) else tuple(map(str, range(len(first))))
    return Confusion(names, np.sum(same, axis=0), len(same))


def classes_of(run: Run) -> tuple[str, ...]:
    """The names of the classes; none where the run does not say them."""
    named = run.state.results.get(PER_CLASS)
    return tuple(map(str, named)) if isinstance(named, dict) else ()


def per_class(runs: Sequence[Run]) -> dict[str, Figure]:
    """Accuracy on each class over the runs that have it, in the order of the classes."""
    values: dict[str, list[float]] = {}
    for run in runs:
        named = run.state.results.get(PER_CLASS)
        own: dict[str, Any] = named if isinstance(named, dict) else {}
        for name in own:
            if (value := number_in(own, name)) is not None:
                values.setdefault(name, []).append(value)
    return {name: figure for name, same in values.items() if (figure := Figure.of(same))}


def _matrix(run: Run) -> np.ndarray | None:
    try:
        matrix = np.array(run.state.results.get(MATRIX))
    except ValueError:  # rows of different lengths
        return None
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] > 0
    # of whole numbers alone: neither parts of images nor words, nor what int64 cannot hold
    return matrix if square and matrix.dtype == np.int64 and (matrix >= 0).all() else None
