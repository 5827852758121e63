"""The plots of classes: confusion matrices, and accuracy class by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from groundup.printable import shortened
from groundup.report.configurations import Entry
from groundup.report.confusion import Confusion, per_class
from groundup.report.picture import INK, RIGHT, WRONG, Picture, colour, fractions, new_figure, picture, plain, style
from groundup.report.plots import WIDTH
from groundup.rundir.figure import Figure

COUNTED = 20  # classes up to which counts are written into the cells
HARDEST = 20  # classes that are shown of more
LABEL = 20  # characters of a class's name


def confusion_matrix(entry: Entry, found: Confusion, name: str) -> Picture:
    """The matrix of a configuration: rows are true classes, rights in one colour and mistakes in another."""
    k = len(found.classes)
    with style():
        figure = new_figure(4.8, 4.8) if k <= COUNTED else new_figure(WIDTH, WIDTH)
        axes = figure.subplots()
        plain(axes)
        axes.imshow(_cells(found), interpolation="none")
        size = 8 if k <= COUNTED else max(2.5, 480 / k)
        names = [shortened(name, LABEL) for name in found.classes]
        axes.set_xticks(range(k), names, fontsize=size, color=INK, rotation=0 if max(map(len, names)) < 3 else 90)
        axes.set_yticks(range(k), names, fontsize=size, color=INK)
        axes.tick_params(length=0)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        if k <= COUNTED:
            _write_counts(axes, found)
        right = np.trace(found.counts) / max(1, found.counts.sum())
        caption = (
            f"{entry.tag}: test images, {found.counts.sum():,} over {found.n} run{'s' if found.n > 1 else ''}. The "
            "diagonal is shaded by the share of the true class, mistakes by theirs relative to the largest one."
        )
        alt = f"Confusion matrix of {entry.tag}: {right:.2%} right. Most frequent mistakes: " + "; ".join(
            f"{true} taken for {other} {count} times" for true, other, count, _ in found.mistakes(5)
        )
        return picture(figure, name, f"Confusion matrix of {entry.tag}", caption, alt)


def _cells(found: Confusion) -> np.ndarray:
    """Colours `(K, K, 4)`, as transparent as the shares are small, so that they suit any ground."""
    shares = found.shares
    right = np.eye(len(shares), dtype=bool)
    mistakes = np.where(right, 0, shares)
    cells = np.empty((*shares.shape, 4))
    cells[..., :3] = np.where(right[..., None], to_rgb(RIGHT), to_rgb(WRONG))
    cells[..., 3] = np.where(right, shares, 0.85 * mistakes / max(mistakes.max(), 1e-12))
    return cells


def _write_counts(axes: Axes, found: Confusion) -> None:
    size = 8 if found.counts.max() < 1000 and len(found.classes) <= 10 else 6.5
    for (i, j), count in np.ndenumerate(found.counts):
        if count:
            axes.text(j, i, f"{count}", ha="center", va="center", fontsize=size, color=INK)


def class_accuracy(entries: Sequence[Entry], name: str) -> Picture | None:
    """Accuracy on each class of the test split; of many classes the hardest. None where no run has it."""
    found = [(i, entry, per_class(entry.finished)) for i, entry in enumerate(entries)]
    found = [row for row in found if row[2]]
    if not found:
        return None
    _, first, figures = found[0]
    classes = list(figures)
    if len(classes) > HARDEST:
        classes = sorted(classes, key=lambda label: figures[label].mean)[:HARDEST]
    with style():
        figure = new_figure(WIDTH, 1.2 + len(classes) * (0.2 + 0.05 * len(found)))
        axes = figure.subplots()
        _draw_classes(axes, found, classes)
        if len(found) > 1:
            columns = 100 // (max(len(entry.tag) for _, entry, _ in found) + 8)
            figure.legend(loc="outside lower center", ncols=max(1, min(len(found), columns)))
        caption = "" if all(one.sd is None for one in figures.values()) else "Mean and one sample standard deviation. "
        if len(classes) < len(figures):
            caption += f"The {HARDEST} classes that are hardest for configuration {first.number}; the file has all."
        worst, accuracy = min(figures.items(), key=lambda item: item[1].mean)
        alt = f"Accuracy by class. Hardest for {first.tag}: {worst}, {accuracy.mean:.4f}."
        return picture(figure, name, "Accuracy by class", caption, alt)


def _draw_classes(axes: Axes, found: Sequence[tuple[int, Entry, dict[str, Figure]]], classes: Sequence[str]) -> None:
    for row, (i, entry, figures) in enumerate(found):
        offset = (row - (len(found) - 1) / 2) * 0.7 / len(found)
        there = [(y + offset, figures[label]) for y, label in enumerate(classes) if label in figures]
        axes.errorbar(
            [one.mean for _, one in there],
            [y for y, _ in there],
            xerr=[one.sd or 0.0 for _, one in there],
            fmt="o",
            color=colour(i),
            markersize=4,
            elinewidth=1,
            label=entry.tag,
        )
    axes.set_yticks(range(len(classes)), [shortened(label, LABEL) for label in classes], color=INK)
    axes.set_ylim(len(classes) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    fractions(axes, "x")
    axes.set_xlabel("share of the class's test images that are right")
