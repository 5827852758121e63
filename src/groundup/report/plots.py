"""The plots of figures: curves by epoch, accuracy by configuration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from groundup.report.configurations import Entry
from groundup.report.curves import Band, band
from groundup.report.picture import INK, MUTED, Picture, colour, fractions, logarithmic, new_figure, picture, style
from groundup.rundir.figure import number_in

WIDTH = 9.2  # inches, of every plot
SPLITS = {"train": "training", "val": "validation"}
METRICS = {"loss": "loss", "acc": "accuracy"}
ACCURACIES = {"test/acc": "test", "val/acc": "validation"}

Curves = dict[tuple[str, str], list[tuple[int, Entry, Band]]]  # by split and metric: place in the plot, whose, what


def learning_curves(entries: Sequence[Entry], name: str) -> Picture | None:
    """Loss and accuracy by epoch with a band of a deviation; None where no run has epochs."""
    curves = {
        (split, metric): [
            (i, entry, found) for i, entry in enumerate(entries) if (found := _band(entry, split, metric))
        ]
        for split in SPLITS
        for metric in METRICS
    }
    metrics = [metric for metric in METRICS if any(curves[split, metric] for split in SPLITS)]
    rows = _rows([split for split in SPLITS if any(curves[split, metric] for metric in METRICS)], len(entries))
    if not metrics:
        return None
    with style():
        figure = new_figure(WIDTH, 0.5 + 2.6 * len(rows))
        grid = figure.subplots(len(rows), len(metrics), sharex=True, sharey="col", squeeze=False)
        for row, splits in zip(grid, rows, strict=True):
            for axes, metric in zip(row, metrics, strict=True):
                _draw_bands(axes, curves, splits, metric, several=len(entries) > 1)
                axes.set_title(f"{' and '.join(SPLITS[split] for split in splits)} {METRICS[metric]}")
        for axes, metric in zip(grid[-1], metrics, strict=True):  # rows share their scales
            axes.set_xlabel("epoch")
            if metric == "acc":
                fractions(axes, "y")
            elif axes.get_ylim()[0] < 0:
                axes.set_ylim(bottom=0)  # a band may reach below, a loss cannot
        handles = {
            label: line for axes in grid.flat for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(handles.values(), handles, loc="outside lower center", ncols=_columns(handles))
        caption = "One run." if len(entries) == 1 else "One run each."
        if any(found.n > 1 for drawn in curves.values() for _, _, found in drawn):
            caption = "Mean over the runs; the band is one sample standard deviation either way, n the number of runs."
        return picture(figure, name, "Learning curves", caption, _curves_alt(curves))


def _band(entry: Entry, split: str, metric: str) -> Band | None:
    return band(entry.finished or entry.runs, f"{split}/{metric}")


def _rows(splits: list[str], entries: int) -> list[list[str]]:
    """Of several configurations a row for each split; of one, both in one, where they can be compared."""
    return [[split] for split in splits] if entries > 1 else [splits]


def _draw_bands(axes: Axes, curves: Curves, splits: Sequence[str], metric: str, several: bool) -> None:
    low, high = float("inf"), 0.0
    for shade, split in enumerate(splits):
        for index, entry, found in curves[split, metric]:
            epochs, figures = list(found.points), list(found.points.values())
            mean, sd = [figure.mean for figure in figures], [figure.sd or 0.0 for figure in figures]
            label = entry.tag if several else SPLITS[split]
            label += f"  n {found.n}" if entry.finished else f"  n {found.n}, not finished"
            drawn = colour(index if several else 1 - shade)
            dash = "-" if entry.finished else "--"
            axes.plot(epochs, mean, dash, color=drawn, label=label, marker="o", markersize=3 if len(epochs) < 25 else 0)
            axes.fill_between(
                epochs,
                [m - s for m, s in zip(mean, sd, strict=True)],
                [m + s for m, s in zip(mean, sd, strict=True)],
                color=drawn,
                alpha=0.16,
                linewidth=0,
            )
            low, high = min(low, *mean), max(high, *mean)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    if metric == "loss" and low > 0 and high / low > 100:
        logarithmic(axes, "y")


def _columns(labels: Iterable[str]) -> int:
    labels = list(labels)
    return max(1, min(len(labels), 110 // (max(map(len, labels)) + 8)))


def _curves_alt(curves: Curves) -> str:
    last = [
        f"{entry.tag}: {METRICS[metric]} {figures[-1].mean:.4f}"
        for (split, metric), found in curves.items()
        if split == "val" or not curves["val", metric]
        for _, entry, one in found
        for figures in [list(one.points.values())]
    ]
    return "Loss and accuracy by epoch. At the last epoch, " + "; ".join(last) + "."


def accuracy(entries: Sequence[Entry], name: str) -> Picture | None:
    """Test and validation accuracy of each configuration, its runs as dots; None where there is nothing to compare."""
    shown = [metric for metric in ACCURACIES if any(entry.figure(metric) for entry in entries)]
    if not shown or sum(len(entry.finished) for entry in entries) < 2:
        return None
    with style():
        figure = new_figure(WIDTH, 1.1 + 0.42 * len(entries))
        axes = figure.subplots()
        for place, entry in enumerate(entries):
            for metric in shown:
                _draw_accuracy(axes, place, entry, metric)
        axes.set_yticks(range(len(entries)), [entry.tag for entry in entries], color=INK)
        axes.set_ylim(len(entries) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("accuracy")
        fractions(axes, "x")
        axes.legend(
            [axes.plot([], [], mark, color=MUTED, mfc=fill)[0] for mark, fill in _MARKS.values()],
            [ACCURACIES[metric] for metric in _MARKS],
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=2,
        )
        caption = (
            "Mean and one sample standard deviation; small dots are the runs. Best first by validation "
            "accuracy: the order was not chosen on test images."
        )
        return picture(figure, name, "Accuracy by configuration", caption, "Accuracy. " + _listed(entries, shown))


_MARKS: dict[str, tuple[str, str | None]] = {"test/acc": ("o", None), "val/acc": ("D", "none")}


def _draw_accuracy(axes: Axes, place: int, entry: Entry, metric: str) -> None:
    found = entry.figure(metric)
    if found is None:
        return
    mark, fill = _MARKS[metric]
    y = place - 0.12 if metric == "test/acc" else place + 0.16
    drawn = colour(place)
    runs = [value for run in entry.finished if (value := number_in(run.state.results, metric)) is not None]
    axes.plot(runs, [y] * len(runs), "o", color=drawn, alpha=0.5, markersize=3.2, markeredgewidth=0)
    axes.errorbar(found.mean, y, xerr=found.sd, fmt=mark, color=drawn, mfc=fill or drawn, markersize=6, capsize=3)


def _listed(entries: Sequence[Entry], metrics: Sequence[str]) -> str:
    return "; ".join(
        f"{entry.tag}: "
        + ", ".join(f"{ACCURACIES[metric]} {found.mean:.4f}" for metric in metrics if (found := entry.figure(metric)))
        for entry in entries
    )
