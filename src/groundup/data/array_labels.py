"""Arrays of labels as people save them, as names of classes and places among these. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundup.data.classes import listed
from groundup.errors import UserError
from groundup.printable import printable
from groundup.spec import class_name

_UNLABELLED = -1


def texts_of(labels: NDArray[Any], where: str) -> NDArray[np.str_]:
    """The label of each image as text, `(N,)`: what is counted from 1, or has gaps, stays what it is.

    Args:
        labels: whole numbers of any type or text, `(N,)` or `(N, 1)`, or one-hot rows `(N, K)`.
        where: the array is, to begin a message.

    Raises:
        UserError: they are something else.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in "buif":
        labels = _of_one_hot(labels, where)
    if labels.ndim != 1:
        raise UserError(f"{where}: labels of shape {labels.shape}; accepted: (N,), (N, 1), or one-hot rows (N, K)")
    if labels.dtype.kind in "US":
        return _of_texts(labels, where)
    if labels.dtype.kind not in "buif":
        raise UserError(f"{where}: labels of {labels.dtype}; accepted: whole numbers, text, or one-hot rows")
    if labels.dtype.kind == "f":
        if not (np.isfinite(labels).all() and (labels == np.floor(labels)).all()):
            raise UserError(
                f"{where}: labels that are no whole numbers; accepted: whole numbers, text, or one-hot rows"
            )
        labels = labels.astype(np.int64)
    labels = labels.astype(np.uint8) if labels.dtype.kind == "b" else labels
    different = np.unique(labels)
    if len(different) and different[0] < 0 and different.tolist() != [-1, 1]:
        what = "-1 often stands for images without a label" if different[0] == _UNLABELLED else "labels below 0"
        raise UserError(f"{where}: labels {different[0]} to {different[-1]}: {what}; accepted: 0 and above, or text")
    return labels.astype(str)


def _of_one_hot(labels: NDArray[Any], where: str) -> NDArray[Any]:
    if not (((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all()):
        raise UserError(
            f"{where}: labels of shape {labels.shape} whose rows are not one-hot; accepted: (N,), (N, 1), or one-hot "
            "rows (N, K), a single 1 in each"
        )
    return labels.argmax(axis=1)


def _of_texts(labels: NDArray[Any], where: str) -> NDArray[np.str_]:
    try:
        texts = np.char.decode(labels, "utf-8") if labels.dtype.kind == "S" else labels
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: labels of bytes that are no UTF-8") from error
    different, places = np.unique(texts, return_inverse=True)
    names = np.array([class_name(str(name).strip()) for name in different])
    if not all(names):
        raise UserError(f"{where}: {int((names[places] == '').sum()):,} images have no label")
    return names[places]


def classes_in(texts: NDArray[np.str_], where: str) -> tuple[str, ...]:
    """The classes that some labels make up, sorted, by number where all are numbers.

    Raises:
        UserError: there are fewer than two, or nearly as many as images.
    """
    names = [str(name) for name in np.unique(texts)]
    if len(names) < 2:
        only = f"all labels are {printable(names[0])}" if names else "no labels"
        raise UserError(f"{where}: {only}; accepted: those of 2 classes at least")
    if len(names) > 10 and 2 * len(names) > len(texts):
        raise UserError(
            f"{where}: {len(names):,} different labels of {len(texts):,} images, such as {printable(names[0])}; "
            "accepted: labels of classes"
        )
    if all(_is_number(name) for name in names):
        names.sort(key=int)
    return tuple(names)


def places_of(texts: NDArray[np.str_], names: Sequence[str], where: str) -> NDArray[np.int64]:
    """The place of each label among the classes, `(N,)`.

    Raises:
        UserError: a label is none of them.
    """
    place = {name: number for number, name in enumerate(names)}
    different, inverse = np.unique(texts, return_inverse=True)
    if unknown := [str(name) for name in different if str(name) not in place]:
        raise UserError(f"{where}: labels that no training image has: {listed(unknown)}; accepted: {listed(names)}")
    return np.array([place[str(name)] for name in different], np.int64)[inverse]


def _is_number(name: str) -> bool:
    return name.removeprefix("-").isdecimal()
