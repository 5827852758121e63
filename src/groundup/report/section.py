"""What the report says of the runs on one data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from groundup.errors import UserError
from groundup.report.class_plots import COUNTED, class_accuracy, confusion_matrix
from groundup.report.compare import Comparison, compare
from groundup.report.configurations import Entry, Part
from groundup.report.confusion import Confusion, confusion
from groundup.report.pareto import Front, fronts_of
from groundup.report.pareto_plot import pareto_plot
from groundup.report.picture import Picture
from groundup.report.plots import accuracy, learning_curves
from groundup.report.reliability import kept_answers, reliability_picture
from groundup.rundir.figure import number_in

IN_DETAIL = 4  # configurations that are shown class by class
BY = ("test/acc", "val/acc")  # what two configurations are compared by, the first that both have


@dataclass(frozen=True)
class Section:
    """A part of the report, its plots drawn.

    Attributes:
        prefix: of the names of its files.
        shown: the configurations in the plots, the best ones.
        confusions: their confusion matrices, of as many as are shown.
        comparison: of two configurations; None where there are no two with a seed in common.
    """

    part: Part
    prefix: str
    shown: list[Entry]
    pictures: list[Picture]
    confusions: list[tuple[Entry, Confusion]]
    matrices: list[Picture]
    comparison: Comparison | None
    fronts: list[Front]
    without_answers: str  # why there is no picture of reliability; empty where there is one


def make_section(
    part: Part,
    prefix: str,
    best: int,
    pair: tuple[int, int] | None,
    metric: str | None,
    costs: Sequence[str] | None = None,
) -> Section:
    """Computes and draws.

    Args:
        part: of the report.
        prefix: of its files' names.
        best: how many configurations the plots show.
        pair: numbers of the configurations to be compared; the two best where they are not named.
        metric: that they are compared by; accuracy where none is named.
        costs: that Pareto fronts are drawn against; all that differ where none are named.

    Raises:
        UserError: those that are named cannot be compared.
    """
    shown = part.ranked[:best]
    drawn = shown or [entry for entry in part.entries if any(run.epochs for run in entry.runs)][:best]
    confusions = [(entry, found) for entry in shown[:IN_DETAIL] if (found := confusion(entry.finished))]
    if confusions and len(confusions[0][1].classes) > COUNTED:
        confusions = confusions[:1]  # it needs the whole width
    fronts = fronts_of(part, costs)
    kept = kept_answers(shown[:IN_DETAIL])
    pictures = [
        accuracy(shown, f"{prefix}accuracy") if shown else None,
        learning_curves(drawn, f"{prefix}curves"),
        *(pareto_plot(front, best, f"{prefix}pareto-{front.cost}") for front in fronts),
        class_accuracy(shown[:IN_DETAIL], f"{prefix}classes"),
        reliability_picture(kept, f"{prefix}reliability"),
    ]
    return Section(
        part,
        prefix,
        shown,
        [drawing for drawing in pictures if drawing],
        confusions,
        [confusion_matrix(entry, found, f"{prefix}confusion-{entry.number}") for entry, found in confusions],
        _comparison(part, pair, metric),
        fronts,
        "" if kept.found else kept.note,
    )


def _comparison(part: Part, pair: tuple[int, int] | None, metric: str | None) -> Comparison | None:
    by_number = {entry.number: entry for entry in part.entries}
    two = [by_number[number] for number in pair if number in by_number] if pair else part.ranked[:2]
    if len(two) < 2:
        return None
    metrics = [metric] if metric else BY
    found = next((found for name in metrics if (found := compare(two[0], two[1], name))), None)
    if pair and found is None:
        asked = f"compare={pair[0]},{pair[1]}"
        raise UserError(f"{asked}: no finished runs of both have a seed and {' or '.join(metrics)} in common")
    return found


def refuse_pair(parts: Sequence[Part], pair: tuple[int, int]) -> None:
    """Raises: UserError: no two configurations of one data set have these numbers."""
    asked = f"compare={pair[0]},{pair[1]}"
    total = sum(len(part.entries) for part in parts)
    if pair[0] == pair[1] or not all(1 <= number <= total for number in pair):
        raise UserError(f"{asked}: accepted: two numbers of the table, 1 to {total}")
    for part in parts:
        if len({entry.number for entry in part.entries} & set(pair)) == 1:
            raise UserError(f"{asked}: one is on {part.data}, the other is not; accepted: two on one data set")


def refuse_metric(parts: Sequence[Part], metric: str) -> None:
    """Raises: UserError: no run has a figure of this name."""
    there = {
        name for part in parts for run in part.runs for name in run.state.results if number_in(run.state.results, name)
    }
    if metric not in there:
        accepted = ", ".join(sorted(there)) or "nothing: no run has results"
        raise UserError(f"metric={metric}: no run has it; accepted: {accepted}")
