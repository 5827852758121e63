"""Which configurations nothing beats: the Pareto front of accuracy against what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from groundup.config.suggest import nearest
from groundup.errors import UserError
from groundup.report.configurations import Entry, Part
from groundup.rundir.costs import COSTS
from groundup.rundir.figure import Figure
from groundup.rundir.measured import TIMES

NONE = "none"  # in the place of costs: no front at all


@dataclass(frozen=True)
class Point:
    """A configuration where its cost and its accuracy are.

    Attributes:
        place: among all configurations, from 0.
        shared: its cost is one of several jobs together, so that it is on no front and keeps nobody off it.
        beaten_by: the most accurate one that costs no more and is no worse; None of one on the front.
    """

    place: int
    entry: Entry
    cost: Figure
    accuracy: Figure
    shared: bool
    beaten_by: Entry | None = None

    @property
    def on_front(self) -> bool:
        return self.beaten_by is None and not self.shared


@dataclass(frozen=True)
class Front:
    """Configurations by a cost.

    Attributes:
        metric: that decides: `val/acc`, for what is picked by test accuracy has an optimistic one; `test/acc` where
            there is no validation data.
        points: in the order of the table, the best first.
    """

    cost: str
    metric: str
    points: list[Point]

    @property
    def members(self) -> list[Point]:
        """Those on the front, the cheapest first."""
        return sorted((point for point in self.points if point.on_front), key=lambda point: point.cost.mean)


def fronts_of(part: Part, asked: Sequence[str] | None) -> list[Front]:
    """The fronts of a data set: of the costs asked for, or of all that its table shows and that differ."""
    costs = [cost for cost in COSTS if cost in part.table.figures] if asked is None else [*dict.fromkeys(asked)]
    return [found for cost in costs if cost != NONE and (found := front(part.ranked, cost))]


def front(entries: Sequence[Entry], cost: str) -> Front | None:
    """The front of these configurations; None where fewer than two have both figures, or all cost the same.

    Costs that several jobs shared are no costs of these.
    """
    metric = next((name for name in ("val/acc", "test/acc") if any(entry.figure(name) for entry in entries)), None)
    if metric is None:
        return None
    points = [
        Point(place, entry, spent, reached, _is_shared(entry, cost))
        for place, entry in enumerate(entries)
        if (spent := entry.figure(cost)) and (reached := entry.figure(metric))
    ]
    if len({point.cost.mean for point in points if not point.shared}) < 2:
        return None
    return Front(cost, metric, [_judged(point, points) for point in points])


def _judged(point: Point, points: Sequence[Point]) -> Point:
    beating = [] if point.shared else [other for other in points if not other.shared and _beats(other, point)]
    best = max(beating, key=lambda other: (other.accuracy.mean, -other.cost.mean), default=None)
    return replace(point, beaten_by=best.entry if best else None)


def _beats(one: Point, other: Point) -> bool:
    """Whether it costs no more, is no worse, and is better in one of the two; by means alone."""
    less, more = one.cost.mean - other.cost.mean, one.accuracy.mean - other.accuracy.mean
    return less <= 0 <= more and less < more


def _is_shared(entry: Entry, cost: str) -> bool:
    return cost == "train_seconds" and any(run.state.results.get("stacked") for run in entry.finished)


def parse_costs(value: str) -> list[str]:
    """The names of `pareto=macs,train_seconds`, or `none` alone.

    Raises:
        UserError: one of them is no cost.
    """
    names = [name.strip() for name in value.split(",")]
    if names == [NONE]:
        return names
    for name in names:
        if name not in COSTS:
            hint = f"did you mean {meant}? " if (meant := nearest(name, [*COSTS])) else ""
            raise UserError(f"pareto={value}: there is no cost '{name}'; {hint}Accepted: {', '.join(COSTS)}, or {NONE}")
    return names


def refuse_costs(parts: Sequence[Part], asked: Sequence[str], measure: str) -> None:
    """Refuses costs that no front can be drawn of.

    Args:
        parts: of the report.
        asked: their names.
        measure: the command that measures what runs do not have.

    Raises:
        UserError: no run has one of them, or it does not tell two configurations apart.
    """
    for name in asked:
        if name == NONE or any(front(part.ranked, name) for part in parts):
            continue
        if not any(entry.figure(name) for part in parts for entry in part.ranked):
            raise UserError(f"pareto={name}: no finished run has it{_remedy(name, measure)}")
        are_shared = any(_is_shared(entry, name) for part in parts for entry in part.ranked)
        of_own = " of its own, as jobs that were trained at once share it," if are_shared else ""
        raise UserError(
            f"pareto={name}: no two configurations with an accuracy{of_own} differ in it, so there is no front; "
            f"accepted: {', '.join(_with_front(parts)) or 'nothing'}, or {NONE}"
        )


def _remedy(name: str, measure: str) -> str:
    if name == "peak_memory":
        return ", which is measured on a GPU alone"
    if name == "train_seconds":
        return ""
    if name in TIMES:
        return f", or not all by one measurement; {measure} measures it, of all runs together"
    return f", as of runs of an older version; {measure} writes it down"


def _with_front(parts: Sequence[Part]) -> list[str]:
    return [cost for cost in COSTS if any(front(part.ranked, cost) for part in parts)]
