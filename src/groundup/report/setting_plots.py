"""What the settings of a sweep did, on validation data: how much each decides, trial by trial, and value by value."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

from groundup.printable import shortened
from groundup.report.configurations import Part
from groundup.report.importance import DRAWS, FEWEST, Importance, importance, in_words
from groundup.report.picture import COLOURS, INK, MUTED, Picture, logarithmic, new_figure, picture, style
from groundup.report.plots import WIDTH
from groundup.report.trials import Setting, Trials, trials_of

BEST = COLOURS[0]
ONE_IN = 10  # trials is drawn as one of the best
MOST_LINES = 400
MOST_SETTINGS = 8  # in one picture
ACROSS = 4  # slices beside one another
WORDS = {"val/acc": "validation accuracy", "val/loss": "validation loss"}


def setting_plots(part: Part, prefix: str) -> list[Picture]:
    """Importance, parallel coordinates and slices of a sweep of ten or more jobs; none of others.

    Args:
        part: of a report.
        prefix: of the names of the pictures.
    """
    trials = trials_of(part)
    if trials is None or len(trials.figures) < FEWEST or not trials.settings:
        return []
    found = importance(trials)
    settings = (found.settings if found else trials.settings)[:MOST_SETTINGS]
    best = _best(trials, part.table.less_is_better)
    pictures = [_importance(found, trials, f"{prefix}importance")] if found else []
    if len(settings) > 1:
        pictures.append(_parallel(trials, settings, best, f"{prefix}parallel"))
    return [*pictures, _slices(trials, settings, best, f"{prefix}slices")]


def _best(trials: Trials, smaller_is_better: bool) -> np.ndarray:
    """Of each trial whether it is one of the best."""
    order = np.argsort(trials.figures if smaller_is_better else -trials.figures, kind="stable")
    best = np.zeros(len(order), dtype=bool)
    best[order[: max(1, len(order) // ONE_IN)]] = True
    return best


def _importance(found: Importance, trials: Trials, name: str) -> Picture:
    settings = found.settings[:MOST_SETTINGS]
    names = [setting.key for setting in settings]
    with style():
        figure = new_figure(WIDTH, 0.9 + 0.36 * len(settings))
        axes = figure.subplots()
        places = range(len(settings))
        drawn = BEST if found.decides else MUTED
        axes.barh(places, found.shares[: len(settings)], height=0.5, color=drawn, alpha=0.75)
        for place in places:
            axes.plot(found.draws[:, place], [place] * DRAWS, "|", color=INK, markersize=7, alpha=0.6)
        axes.set_yticks(places, [shortened(key, 40) for key in names], color=INK)
        axes.set_ylim(len(settings) - 0.4, -0.6)
        axes.set_xlim(0, 1)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"share of the variance of {_words(trials)}")
        words = in_words(found, [setting.key for setting in found.settings])
        caption = (
            f"By functional ANOVA over {_counted(trials)}; strokes are the same of {DRAWS} draws of the trials. {words}"
        )
        shares = "; ".join(f"{key} {share:.0%}" for key, share in zip(names, found.shares, strict=False))
        return picture(figure, name, "Importance of the settings", caption, f"Importance. {shares}. {words}")


def _parallel(trials: Trials, settings: Sequence[Setting], best: np.ndarray, name: str) -> Picture:
    axis = Setting(trials.metric, "linear", trials.figures)
    columns = [*settings, axis] if np.ptp(trials.figures) > 0 else list(settings)
    places = np.stack([column.places for column in columns])
    with style():
        figure = new_figure(WIDTH, 3.8)
        axes = figure.subplots()
        others = np.flatnonzero(~best)[:MOST_LINES]
        for trial in others:
            axes.plot(places[:, trial], color=MUTED, alpha=0.3, linewidth=0.8)
        for trial in np.flatnonzero(best):
            axes.plot(places[:, trial], color=BEST, alpha=0.9, linewidth=1.6)
        for place, column in enumerate(columns):
            axes.axvline(place, color=MUTED, linewidth=0.8)
            _number_axis(axes, place, column)
        axes.set_xticks(range(len(columns)), [shortened(column.key, 20) for column in columns])
        axes.tick_params(axis="x", length=0, labelcolor=INK)
        axes.set_yticks([])
        axes.set(xlim=(-0.35, len(columns) - 0.5), ylim=(-0.06, 1.06))
        axes.grid(False)
        axes.spines[:].set_visible(False)
        caption = (
            f"A line is one of {_counted(trials)}; the best {int(best.sum())} by {_words(trials)} are blue. Scales are "
            "those of the search, or logarithmic where values span an order of magnitude."
        )
        return picture(figure, name, "Trials as lines", caption, _best_in_words(trials, settings, best))


def _number_axis(axes: Axes, place: int, column: Setting) -> None:
    """The ends of a scale, or all choices where they are few."""
    if column.choices and len(column.choices) <= 8:
        marks = [(i / (len(column.choices) - 1), shortened(word, 14)) for i, word in enumerate(column.choices)]
    elif column.choices:
        marks = [(0.0, shortened(column.choices[0], 14)), (1.0, shortened(column.choices[-1], 14))]
    else:
        marks = [(0.0, f"{column.values.min():.4g}"), (1.0, f"{column.values.max():.4g}")]
    for height, word in marks:
        axes.annotate(
            word,
            (place, height),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=8,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "none", "edgecolor": "none"},
        )


def _slices(trials: Trials, settings: Sequence[Setting], best: np.ndarray, name: str) -> Picture:
    across = min(ACROSS, len(settings))
    rows = math.ceil(len(settings) / across)
    with style():
        figure = new_figure(WIDTH, 0.5 + 2.3 * rows)
        grid = figure.subplots(rows, across, sharey=True, squeeze=False)
        for axes, setting in zip(grid.flat, settings, strict=False):
            _draw_slice(axes, trials, setting, best)
        for axes in grid.flat[len(settings) :]:
            axes.set_visible(False)
        for axes in grid[:, 0]:
            axes.set_ylabel(_words(trials))
        caption = (
            f"A point is one of {_counted(trials)}, its other settings being whatever they were; the best "
            f"{int(best.sum())} are blue."
        )
        return picture(figure, name, "Settings one by one", caption, _best_in_words(trials, settings, best))


def _draw_slice(axes: Axes, trials: Trials, setting: Setting, best: np.ndarray) -> None:
    values = setting.values
    if setting.choices:  # beside one another where several fall on one place
        values = values + np.random.default_rng(0).uniform(-0.12, 0.12, len(values))
    axes.plot(values[~best], trials.figures[~best], "o", color=MUTED, alpha=0.5, markersize=4, markeredgewidth=0)
    axes.plot(values[best], trials.figures[best], "o", color=BEST, markersize=5, markeredgewidth=0)
    axes.set_title(shortened(setting.key, 24))
    if setting.scale == "log":
        logarithmic(axes, "x")
        if values.max() / values.min() > 50:  # in a narrow picture
            axes.xaxis.set_major_locator(LogLocator(numticks=5))
    elif setting.choices:
        shown = range(len(setting.choices)) if len(setting.choices) <= 8 else (0, len(setting.choices) - 1)
        axes.set_xticks(list(shown), [shortened(setting.choices[i], 12) for i in shown])
        if sum(len(setting.choices[i]) for i in shown) > 18:
            axes.tick_params(axis="x", labelrotation=45)
        axes.set_xlim(-0.5, len(setting.choices) - 0.5)


def _counted(trials: Trials) -> str:
    left_out = f", {trials.pruned} pruned left out" if trials.pruned else ""
    return f"{len(trials.figures)} finished jobs{left_out}"


def _words(trials: Trials) -> str:
    return WORDS.get(trials.metric, trials.metric)


def _best_in_words(trials: Trials, settings: Sequence[Setting], best: np.ndarray) -> str:
    ranges = []
    for setting in settings:
        values = setting.values[best]
        if setting.choices:
            ranges.append(f"{setting.key} {', '.join(dict.fromkeys(setting.choices[int(value)] for value in values))}")
        else:
            ranges.append(f"{setting.key} {values.min():.4g} to {values.max():.4g}")
    return f"The best {int(best.sum())} of {len(best)} trials have {'; '.join(ranges)}."
