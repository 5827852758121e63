"""The jobs of a sweep as points: of each setting that varied a number or a choice, and a figure of validation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from groundup.report.configurations import Part
from groundup.rundir.figure import number_in
from groundup.rundir.overrides import shown

LOGARITHMIC = 10  # the largest over the smallest of values above 0 from which orders of magnitude are meant


@dataclass(frozen=True)
class Setting:
    """What was varied.

    Attributes:
        key: of the config.
        scale: `linear`, `log` or `choices`, see `groundup.rundir.scales`.
        values: of every trial; of choices their places among the `choices`.
        choices: in words; none of numbers.
    """

    key: str
    scale: str
    values: np.ndarray
    choices: tuple[str, ...] = ()

    @property
    def places(self) -> np.ndarray:
        """The values from 0 to 1, by their scale."""
        values = np.log(self.values) if self.scale == "log" else self.values
        return (values - values.min()) / (values.max() - values.min())


@dataclass(frozen=True)
class Trials:
    """The finished jobs that have the figure.

    Attributes:
        metric: of validation data.
        figures: of every trial.
        settings: that varied among them.
        pruned: how many jobs are left out, having been given up.
    """

    metric: str
    figures: np.ndarray
    settings: list[Setting]
    pruned: int


def trials_of(part: Part) -> Trials | None:
    """Scales are those of the search; of a plain sweep they are told from the values. None without validation data."""
    metric = part.table.sorted_by
    if metric.startswith("test"):
        return None
    jobs = [(job, number_in(state.results, metric)) for job, state in part.table.jobs if state.status == "finished"]
    kept = [(shown(job.overrides, part.table.keys), figure) for job, figure in jobs if figure is not None]
    pruned = sum(state.status == "pruned" for _, state in part.table.jobs)
    columns = {key: [values.get(key, "") for values, _ in kept] for key in part.table.keys}
    settings = [_setting(key, words, part.scales.get(key)) for key, words in columns.items() if len(set(words)) > 1]
    return Trials(metric, np.array([figure for _, figure in kept]), settings, pruned)


def _setting(key: str, words: Sequence[str], searched: str | None) -> Setting:
    numbers = [_number(word) for word in words]
    if searched != "choices" and None not in numbers and len({*numbers}) > 1:
        values = np.array(numbers, dtype=float)
        spread = values.min() > 0 and values.max() / values.min() >= LOGARITHMIC
        is_log = searched == "log" or (searched is None and spread)
        return Setting(key, "log" if is_log and values.min() > 0 else "linear", values)
    choices = sorted({*words}, key=lambda word: (_number(word) is None, _number(word) or 0.0, word))
    return Setting(key, "choices", np.array([choices.index(word) for word in words], dtype=float), tuple(choices))


def _number(word: str) -> float | None:
    try:
        number = float(word)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
