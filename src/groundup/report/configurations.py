"""Runs of one data set, put together by configuration: those that differ in nothing but the seed and the fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from groundup.config.hyperparameters import hyperparameters
from groundup.config.spelling import alike
from groundup.data.classes import listed
from groundup.printable import shortened
from groundup.report.find import Found
from groundup.report.runs import Run
from groundup.rundir.directory import GROUPS
from groundup.rundir.figure import Figure
from groundup.rundir.folders import short_keys
from groundup.rundir.jobs import FrozenJob
from groundup.rundir.scales import read_scales
from groundup.rundir.table import Configuration, Table, tabulate

TAG = 44  # characters
T = TypeVar("T")
ABSENT = "none"  # the value of a key that other runs of the same options have


@dataclass(frozen=True)
class Entry:
    """A configuration of the table with its runs.

    Attributes:
        number: by which the report calls it, from 1; the best on validation data of a data set comes first.
        label: what tells it from the others, short.
    """

    number: int
    label: str
    row: Configuration
    runs: list[Run]

    @property
    def title(self) -> str:
        return f"{self.number}  {self.label}"

    @property
    def tag(self) -> str:
        """The title, as much of it as a plot has room for."""
        return shortened(self.title, TAG)

    @cached_property
    def finished(self) -> list[Run]:
        return [run for run in self.runs if run.finished]

    def figure(self, name: str) -> Figure | None:
        return self.row.figures[name]


@dataclass(frozen=True)
class Part:
    """The runs on one data set and its classes: figures on different ones are not compared."""

    data: str
    table: Table
    entries: list[Entry]
    scales: Mapping[str, str] = field(default_factory=dict)  # of a search, by key: as its values were drawn

    @property
    def runs(self) -> list[Run]:
        return [run for entry in self.entries for run in entry.runs]

    @property
    def ranked(self) -> list[Entry]:
        """Those with a finished run."""
        return [entry for entry in self.entries if entry.finished]


def parts_of(found: Found) -> list[Part]:
    """A part for every data set and its classes; configurations are numbered through all of them."""
    parts: list[Part] = []
    for data, runs in _groups(found.runs).items():
        overrides = _as_typed(runs) if found.sweep is not None else _as_configured(runs)
        first = 1 + sum(len(part.entries) for part in parts)
        part = _part(data, runs, overrides, first)
        parts.append(replace(part, scales=read_scales(found.sweep)) if found.sweep is not None else part)
    return parts


def _groups(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by data set. Of one whose classes have changed between them, by these too: such figures are of unlike tasks.

    What a run does not say is taken to be as with most others.
    """
    usual = _most_common(run.data for run in runs) or "unknown data"
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.data or usual, []).append(run)
    return {name: part for data, group in groups.items() for name, part in _by_classes(data, group).items()}


def _by_classes(data: str, runs: Sequence[Run]) -> dict[str, list[Run]]:
    usual = _most_common(frozenset(run.classes) for run in runs)
    groups: dict[frozenset[str], list[Run]] = {}
    for run in runs:
        groups.setdefault(frozenset(run.classes) or usual or frozenset(), []).append(run)
    if len(groups) == 1:
        return {data: list(runs)}
    common = frozenset.intersection(*groups)
    return {
        f"{data} ({number}: {_what_is_special(classes, common)})": group
        for number, (classes, group) in enumerate(groups.items(), start=1)
    }


def _what_is_special(classes: frozenset[str], common: frozenset[str]) -> str:
    """What tells these classes from those of other runs, which share some."""
    own = listed(sorted(classes - common))
    return f"{len(classes)} classes, {own}" if own else f"{len(classes)} classes"


def _most_common(values: Iterable[T]) -> T | None:
    """The most frequent of those that say something."""
    return next((value for value, _ in Counter(filter(None, values)).most_common(1)), None)


def _part(data: str, runs: list[Run], overrides: list[list[str]], first: int) -> Part:
    pairs = enumerate(zip(runs, overrides, strict=True))
    jobs = [(FrozenJob(number, words, run.config), run.state) for number, (run, words) in pairs]
    table = tabulate(jobs, {number: run.name for number, run in enumerate(runs)}, alike)
    short = short_keys(table.keys)
    entries = []
    for number, row in enumerate(table.configurations, start=first):
        members = [runs[job] for job in row.jobs]
        words = [value if key in GROUPS else f"{short[key]}={value}" for key, value in row.values.items()]
        entries.append(Entry(number, " ".join(words) or members[0].choice("model") or "all runs", row, members))
    return Part(data, table, entries)


def _as_typed(runs: Sequence[Run]) -> list[list[str]]:
    return [run.overrides or [] for run in runs]


def _as_configured(runs: Sequence[Run]) -> list[list[str]]:
    """Settings of runs that were not typed in one command, from their configs.

    What all runs with an option of a group have in common, such as the activation of a model, goes without saying.
    """
    settings = [_settings(run) for run in runs]
    keys = sorted({key: None for each in settings for key in each}, key=lambda key: key not in GROUPS)  # "mlp" first
    values: dict[tuple[str, str, str], set[str]] = {}  # of a key among the runs with an option of its group
    for each in settings:
        for key in keys:
            values.setdefault((key, *_option(each, key)), set()).add(each.get(key, ABSENT))
    return [
        [f"{key}={each.get(key, ABSENT)}" for key in keys if key in GROUPS or len(values[key, *_option(each, key)]) > 1]
        for each in settings
    ]


def _settings(run: Run) -> dict[str, str]:
    if not run.config:
        return dict(word.split("=", 1) for word in run.overrides or () if "=" in word)
    settings = hyperparameters(alike(run.config))
    named = {key.removesuffix(".name"): str(value) for key, value in settings.items()}
    return {key: "null" if value == "None" else value for key, value in named.items()}


def _option(settings: dict[str, str], key: str) -> tuple[str, str]:
    group = key.partition(".")[0]
    return group, settings.get(group, "")
