"""The plots of figures: curves by epoch, accuracy by configuration, against parameters and against time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, MaxNLocator

from groundup.report.configurations import Entry
from groundup.report.curves import Band, band
from groundup.report.picture import INK, MUTED, Picture, colour, fractions, logarithmic, new_figure, picture, style
from groundup.rundir.figure import Figure, number_in

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
            caption = "Mean over seeds; the band is one sample standard deviation either way, n the number of runs."
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
            "Mean and one sample standard deviation over seeds; small dots are the runs. Best first by validation "
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


def accuracy_against(entries: Sequence[Entry], best: int, quantity: str, name: str) -> Picture | None:
    """Accuracy of all configurations against `parameters` or `train_seconds`, the best ones coloured and numbered.

    None where the quantity is not known of two configurations, or does not vary.
    """
    metric = "test/acc" if any(entry.figure("test/acc") for entry in entries) else "val/acc"
    points = [(i, entry, x, y) for i, entry in enumerate(entries) for x, y in _point(entry, quantity, metric)]
    values = [x.mean for _, _, x, _ in points]
    if len(set(values)) < 2:
        return None
    words = {"parameters": "parameters", "train_seconds": "seconds of training"}[quantity]
    with style():
        figure = new_figure(WIDTH, 3.6)
        axes = figure.subplots()
        for i, entry, x, y in reversed(points):  # the best on top
            if i < best:
                _draw_point(axes, entry, x, y, colour(i), hollow=_stacked(entry, quantity))
                _number(axes, entry, x, y, above=i % 2 == 0)
            else:
                axes.plot(x.mean, y.mean, "o", color=MUTED, alpha=0.35, markersize=4, markeredgewidth=0)
        if min(values) > 0 and max(values) / min(values) > 8:
            logarithmic(axes, "x")
        axes.xaxis.set_major_formatter(EngFormatter(sep="") if quantity == "parameters" else "{x:g}")
        axes.set_xlabel(words)
        axes.set_ylabel(f"{ACCURACIES[metric]} accuracy")
        fractions(axes, "y")
        caption = "Numbers are those of the table; bars are one sample standard deviation over seeds."
        if any(_stacked(entry, quantity) for entry in entries):
            caption += " Hollow: trained at once with others, so that the seconds were shared."
        alt = f"{words.capitalize()} and {ACCURACIES[metric]} accuracy. " + "; ".join(
            f"{entry.tag}: {x.mean:,.6g}, {y.mean:.4f}" for _, entry, x, y in points[:best]
        )
        return picture(figure, name, f"Accuracy against {words}", caption, alt)


def _point(entry: Entry, quantity: str, metric: str) -> Iterable[tuple[Figure, Figure]]:
    x, y = entry.figure(quantity), entry.figure(metric)
    if x is not None and y is not None:
        yield x, y


def _draw_point(axes: Axes, entry: Entry, x: Figure, y: Figure, drawn: str, hollow: bool) -> None:
    axes.errorbar(
        x.mean,
        y.mean,
        xerr=x.sd or None,
        yerr=y.sd,
        fmt="o",
        color=drawn,
        mfc="none" if hollow else drawn,
        markersize=6,
    )


def _number(axes: Axes, entry: Entry, x: Figure, y: Figure, above: bool) -> None:
    """Beside its point, every other one below it: two configurations are often close."""
    axes.annotate(
        str(entry.number),
        (x.mean, y.mean),
        xytext=(6, 5) if above else (-6, -5),
        ha="left" if above else "right",
        va="bottom" if above else "top",
        textcoords="offset points",
        color=INK,
    )


def _stacked(entry: Entry, quantity: str) -> bool:
    return quantity == "train_seconds" and any(run.state.results.get("stacked") for run in entry.finished)


def _listed(entries: Sequence[Entry], metrics: Sequence[str]) -> str:
    return "; ".join(
        f"{entry.tag}: "
        + ", ".join(f"{ACCURACIES[metric]} {found.mean:.4f}" for metric in metrics if (found := entry.figure(metric)))
        for entry in entries
    )
