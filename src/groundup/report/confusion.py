"""Which classes were taken for which: the test split's confusion matrices, added up over runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from groundup.pictures.confusion import row_shares
from groundup.report.runs import PER_CLASS, Run
from groundup.rundir.figure import Figure, number_in
from groundup.spec import class_name

MATRIX = "test/confusion"  # in results.json


@dataclass(frozen=True)
class Confusion:
    """Counts `(K, K)`, a row for each true class, over `n` runs."""

    classes: tuple[str, ...]
    counts: np.ndarray
    n: int

    @property
    def shares(self) -> np.ndarray:
        return row_shares(self.counts)

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
    """The sum over the runs that have the classes of the first one, by their names; None where no run has a matrix."""
    found = [(_names(run, len(matrix)), matrix) for run in runs if (matrix := _matrix(run)) is not None]
    if not found:
        return None
    classes, _ = found[0]
    same = [_in_order(classes, names, matrix) for names, matrix in found if set(names) == set(classes)]
    return Confusion(classes, np.sum(same, axis=0), len(same))


def _names(run: Run, number: int) -> tuple[str, ...]:
    """Of the classes of a matrix; their numbers where the run names none, or others."""
    return run.classes if len(set(run.classes)) == number else tuple(map(str, range(number)))


def _in_order(classes: Sequence[str], names: Sequence[str], matrix: np.ndarray) -> np.ndarray:
    places = [names.index(name) for name in classes]
    return matrix[np.ix_(places, places)]


def per_class(runs: Sequence[Run]) -> dict[str, Figure]:
    """Accuracy on each class over the runs that have it, in the order of the classes."""
    values: dict[str, list[float]] = {}
    for run in runs:
        own: Any = run.state.results.get(PER_CLASS)
        for name in own if run.classes else ():
            if (value := number_in(own, name)) is not None:
                values.setdefault(class_name(name), []).append(value)
    return {name: figure for name, same in values.items() if (figure := Figure.of(same))}


def _matrix(run: Run) -> np.ndarray | None:
    try:
        matrix = np.array(run.state.results.get(MATRIX))
    except ValueError:  # rows of different lengths
        return None
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] > 0
    # of whole numbers alone: neither parts of images nor words, nor what int64 cannot hold
    return matrix if square and matrix.dtype == np.int64 and (matrix >= 0).all() else None
