"""What a table of configurations settles: the best against all others, or pairs that were asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from groundup.printable import printable
from groundup.rundir.direction import SHARES, is_ours, less_is_better
from groundup.rundir.evidence import Held, evidence_of, hold
from groundup.rundir.figure import number_in
from groundup.rundir.overrides import in_words
from groundup.rundir.predictions import Predictions
from groundup.rundir.state import JobState
from groundup.rundir.table import Configuration, Table
from groundup.statistics.comparison import LEVEL, Interval
from groundup.statistics.holm import holm

BY = ("test/acc", "val/acc")  # what configurations are compared by, the first that the best has


@dataclass(frozen=True)
class Judged:
    """A pair of configurations, by their places in the table.

    Attributes:
        first: the place of one, from 0.
        second: that of the other.
        held: what they come to against each other.
        p_holm: the p-value after Holm's correction; None where there is none.
        family: the number of pairs that the correction is for.
    """

    first: int
    second: int
    held: Held
    p_holm: float | None
    family: int

    @property
    def settled(self) -> bool:
        return self.p_holm is not None and self.p_holm <= LEVEL

    @property
    def higher(self) -> int | None:
        """The place of the one with the higher figure, where that is settled: of a loss it is the worse one."""
        if self.held.comparison is None or not self.settled:
            return None
        return self.first if self.held.comparison.difference > 0 else self.second

    @property
    def more_seeds(self) -> int | None:
        """How many more seeds would settle it; None where it is settled, where none would, or nothing is known."""
        found = self.held.comparison
        return None if found is None or self.settled else found.more_seeds(LEVEL / self.family)

    @property
    def smallest_settled(self) -> float | None:
        """The difference that these images settle with any number of seeds; None where nothing is known of images."""
        found = self.held.comparison
        return found.smallest_settled(LEVEL / self.family) if found and found.over_both else None


@dataclass(frozen=True)
class Verdict:
    """What is settled.

    Attributes:
        metric: what is compared.
        less_is_better: of it; None where that is not known.
        picked_by: the figure that the first of the table was picked by.
        family: the number of pairs that Holm's correction is for.
        possible: the number of all pairs that could have been compared.
        names: of all configurations of the table.
        pairs: that were compared.
        without: by place, how many finished runs have no such number, as where a loss is infinite.
    """

    metric: str
    less_is_better: bool | None
    picked_by: str
    family: int
    possible: int
    names: list[str]
    pairs: list[Judged]
    without: Mapping[int, int]

    def better(self, pair: Judged) -> int | None:
        """The place of the better one; None where that is not settled, or whether more is better is not known."""
        if pair.higher is None or self.less_is_better is None:
            return None
        return pair.first + pair.second - pair.higher if self.less_is_better else pair.higher

    def beats(self, pair: Judged) -> tuple[float, Interval] | None:
        """The probability that a run of the first does better than one of the second; None where it is not known."""
        found = pair.held.comparison.beats if pair.held.comparison else None
        if found is None or self.less_is_better is None:
            return None
        share, (low, high) = found
        return (1 - share, (1 - high, 1 - low)) if self.less_is_better else found


class Judge:
    """Compares the configurations of a table by what their runs have left, which is read once.

    Args:
        table: of a sweep or of a report.
        directories: of its runs, by their numbers in the table.
        names: of its configurations, in the order of the table; else their values.
        metric: what to compare by; `BY` where none is asked for.
    """

    def __init__(
        self,
        table: Table,
        directories: Mapping[int, Path],
        names: Sequence[str] | None = None,
        metric: str | None = None,
    ):
        self.table, self.metric = table, metric or metric_of(table)
        self.names = [printable(name) for name in names or map(_name, table.configurations)]
        states = {job.number: (job, state, directories[job.number]) for job, state in table.jobs}
        tests: list[Predictions] = []
        self._evidence = [
            evidence_of([states[number] for number in row.jobs], self.metric, tests) for row in table.configurations
        ]
        of_rows = ([states[number][1] for number in row.jobs] for row in table.configurations)
        self._without = {place: self._number_without(row) for place, row in enumerate(of_rows)}

    def _number_without(self, states: Iterable[JobState]) -> int:
        return sum(state.status == "finished" and number_in(state.results, self.metric) is None for state in states)

    @property
    def compared(self) -> list[int]:
        """The places of those with a finished run that has the figure."""
        return [place for place, evidence in enumerate(self._evidence) if evidence]

    def best_against_all(self) -> Verdict | None:
        """The first of the table against every other; None of fewer than two.

        The first was picked on other images, but with the same seeds, whose luck is in both figures. Holm's correction
        is therefore over all pairs, as if any configuration might have been picked.
        """
        best, *others = self.compared or [0]
        return self.judge([(best, other) for other in others], self._all_pairs) if others else None

    def all_pairs(self) -> Verdict | None:
        """Every one against every other; None of fewer than two."""
        places = self.compared
        pairs = [(one, other) for number, one in enumerate(places) for other in places[number + 1 :]]
        return self.judge(pairs, len(pairs)) if pairs else None

    def judge(self, places: Sequence[tuple[int, int]], family: int) -> Verdict:
        """These pairs, out of so many that could have been chosen."""
        held = [_possible(hold(self._evidence[one], self._evidence[other]), self.metric) for one, other in places]
        known = {n: each.comparison.p_value for n, each in enumerate(held) if each.comparison}
        p_values = {n: p_value for n, p_value in known.items() if p_value is not None}
        corrected = dict(zip(p_values, holm([*p_values.values()], family), strict=True))
        pairs = [
            Judged(one, other, each, corrected.get(n), family)
            for n, ((one, other), each) in enumerate(zip(places, held, strict=True))
        ]
        less, by = _less_is_better(self.table, self.metric), self.table.sorted_by
        return Verdict(self.metric, less, by, family, self._all_pairs, self.names, pairs, self._without)

    @property
    def _all_pairs(self) -> int:
        return math.comb(len(self.compared), 2)


def _possible(held: Held, metric: str) -> Held:
    """Intervals of shares are cut where no difference of two shares can be."""
    found = held.comparison
    if found is None or metric not in SHARES:
        return held
    cut = [interval and (max(-1.0, interval[0]), min(1.0, interval[1])) for interval in found.intervals]
    return replace(held, comparison=replace(found, over_seeds=cut[0], over_images=cut[1], over_both=cut[2]))


def judge_sweep(sweep_dir: Path, table: Table) -> Verdict | None:
    """The best configuration of a sweep against all others; None of fewer than two with figures."""
    return Judge(table, {job.number: sweep_dir / job.folder for job, _ in table.jobs}).best_against_all()


def metric_of(table: Table) -> str:
    """What the best has, of `BY` or of what a module of somebody else's logs of the test; else what rows are sorted by.

    Figures of the test come first, since the best was picked by validation; losses of a module are behind accuracies.
    """
    figures = table.configurations[0].figures if table.configurations else {}
    own = [name for name, figure in figures.items() if figure and name.startswith("test_")]
    shares, errors = ([name for name in own if less_is_better(name) is less] for less in (False, True))
    of_test, of_validation = BY
    candidates = [of_test, *shares, of_validation, *errors]
    return next((name for name in candidates if figures.get(name)), table.sorted_by)


def _less_is_better(table: Table, metric: str) -> bool | None:
    """Of somebody else's figure by which checkpoints are chosen, that says more than its name does."""
    return table.less_is_better if metric == table.sorted_by and not is_ours(metric) else less_is_better(metric)


def _name(row: Configuration) -> str:
    return in_words(row.values) or "the configuration"
