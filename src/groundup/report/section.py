"""What the report says of the runs on one data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from groundup.errors import UserError
from groundup.report.class_plots import COUNTED, class_accuracy, confusion_matrix
from groundup.report.compared import Asked, compared
from groundup.report.configurations import Entry, Part
from groundup.report.confusion import Confusion, confusion
from groundup.report.pareto import Front, fronts_of
from groundup.report.pareto_plot import pareto_plot
from groundup.report.picture import Picture
from groundup.report.plots import accuracy, learning_curves
from groundup.report.reliability import kept_answers, reliability_picture
from groundup.report.setting_plots import setting_plots
from groundup.rundir.figure import number_in
from groundup.rundir.verdict import Verdict
from groundup.rundir.verdict_words import summary

SETTINGS = ("seed", "devices", "stacked", "steps", "epochs", "best_epoch")  # numbers in results that judge no network
IN_DETAIL = 4  # configurations that are shown class by class


@dataclass(frozen=True)
class Section:
    """A part of the report, its plots drawn.

    Attributes:
        prefix: of the names of its files.
        shown: the configurations in the plots, the best ones.
        confusions: their confusion matrices, of as many as are shown.
        verdict: what is settled; None where there are no two configurations to compare.
    """

    part: Part
    prefix: str
    shown: list[Entry]
    pictures: list[Picture]
    confusions: list[tuple[Entry, Confusion]]
    matrices: list[Picture]
    verdict: Verdict | None
    fronts: list[Front]
    without_answers: str  # why there is no picture of reliability; empty where there is one

    @property
    def said(self) -> str:
        """The verdict in words; nothing where there is none."""
        return summary(self.verdict) if self.verdict else ""


def make_section(
    part: Part,
    prefix: str,
    best: int,
    asked: Asked,
    metric: str | None,
    costs: Sequence[str] | None = None,
) -> Section:
    """Computes and draws.

    Args:
        part: of the report.
        prefix: of its files' names.
        best: how many configurations the plots show.
        asked: which configurations are compared.
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
        *setting_plots(part, prefix),
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
        compared(part, asked, metric),
        fronts,
        "" if kept.found else kept.note,
    )


def refuse_metric(parts: Sequence[Part], metric: str) -> None:
    """Raises: UserError: no run has a figure of this name, or it is none that they came to."""
    there = {
        name
        for part in parts
        for run in part.runs
        for name in run.state.results
        if name not in SETTINGS and number_in(run.state.results, name) is not None
    }
    if metric not in there:
        accepted = ", ".join(sorted(there)) or "nothing: no run has results"
        why = "it says nothing of how good a run is" if metric in SETTINGS else "no run has it"
        raise UserError(f"metric={metric}: {why}; accepted: {accepted}")
