"""How far probabilities can be trusted: reliability, and risk against coverage, of the answers that runs have kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from groundup.report.configurations import Entry
from groundup.report.picture import MUTED, Picture, colour, new_figure, picture, style
from groundup.report.plots import WIDTH
from groundup.report.runs import Run
from groundup.rundir.figure import number_in
from groundup.rundir.names import PREDICTIONS
from groundup.rundir.plain import Unreadable
from groundup.rundir.predictions import Predictions, read_predictions
from groundup.rundir.table import OF_PROBABILITIES, Configuration
from groundup.statistics.calibration import reliability, risk_against_coverage

POINTS = 300  # of a curve
FEWEST = 0.005  # of errors, that the axis of risks reaches up to at least
SAID = 5  # damaged files
ALIKE = 0.01  # accuracies, as in `groundup.run.answers`


@dataclass(frozen=True)
class Sureness:
    """Of the test images of `n` runs: the probability of the predicted class, and whether that is right."""

    confidence: np.ndarray
    right: np.ndarray
    n: int


@dataclass(frozen=True)
class Kept:
    """What is known of the answers of some configurations.

    Attributes:
        found: by place in the plots, the configuration, what its runs have kept.
        without: runs that have kept nothing, as older ones.
        damaged: what of their files cannot be read.
    """

    found: list[tuple[int, Entry, Sureness]]
    without: int
    damaged: list[str]

    @property
    def note(self) -> str:
        """What is not shown, and why; empty where everything is."""
        said = []
        if self.without:
            runs = "1 run has" if self.without == 1 else f"{self.without} runs have"
            said.append(f"{runs} kept no probabilities in {PREDICTIONS['test']}, as older runs, and cannot be shown.")
        return " ".join([*said, *(f"{problem}." for problem in self.damaged[:SAID])])


def kept_answers(entries: Sequence[Entry]) -> Kept:
    """Reads what the finished runs of these configurations have kept of their tests."""
    found, without, damaged = [], 0, []
    for place, entry in enumerate(entries):
        parts = []
        for run in entry.finished:
            try:
                answers = read_predictions(run.path, "test")
            except Unreadable as error:
                damaged.append(f"{run.name}: {error}")
                continue
            if answers is None or answers.confidence is None or not len(answers.true):
                without += 1
                continue
            if _are_of_another_test(answers, run):
                damaged.append(f"{run.name}: its predictions do not come to its test/acc")
                continue
            parts.append((answers.confidence, answers.right))
        if parts:
            confidence, right = (np.concatenate(values) for values in zip(*parts, strict=True))
            found.append((place, entry, Sureness(confidence, right, len(parts))))
    return Kept(found, without, damaged)


def _are_of_another_test(answers: Predictions, run: Run) -> bool:
    """As where the file was replaced by that of other weights; on a GPU two tests by the same may differ a little."""
    accuracy = number_in(run.state.results, "test/acc")
    return accuracy is not None and bool(abs(answers.right.mean() - accuracy) > ALIKE)


def reliability_picture(kept: Kept, name: str) -> Picture | None:
    """Accuracy against confidence, and errors against the share of images that is answered; None of no answers."""
    if not kept.found:
        return None
    with style():
        figure = new_figure(WIDTH, 4.4)
        left, right = figure.subplots(1, 2)
        for place, entry, sureness in kept.found:
            _draw_bins(left, sureness, colour(place), entry.tag)
            _draw_risk(right, sureness, colour(place))
        _finish(left, right)
        if len(kept.found) > 1:
            columns = 100 // (max(len(entry.tag) for _, entry, _ in kept.found) + 8)
            figure.legend(loc="outside lower center", ncols=max(1, min(len(kept.found), columns)))
        return picture(figure, name, "Reliability, and risk against coverage", _caption(kept), _alt(kept))


def _draw_bins(axes: Axes, sureness: Sureness, shade: str, label: str) -> None:
    images, confidence, accuracy = reliability(sureness.confidence, sureness.right)
    axes.plot(confidence, accuracy, color=shade, linewidth=1.2, label=label)
    axes.scatter(confidence, accuracy, 8 + 90 * images / images.sum(), color=shade, zorder=3)


def _draw_risk(axes: Axes, sureness: Sureness, shade: str) -> None:
    coverage, risk = risk_against_coverage(sureness.confidence, sureness.right)
    some = np.unique(np.linspace(0, len(risk) - 1, min(len(risk), POINTS)).astype(int))
    axes.plot(coverage[some], risk[some], color=shade)


def _finish(left: Axes, right: Axes) -> None:
    left.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle="--", zorder=0)
    left.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="probability of the predicted class", ylabel="share that is right")
    left.set_title("reliability")
    right.set(xlim=(0, 1.02), xlabel="share of images answered, the surest first", ylabel="share that is wrong")
    right.set_ylim(0, max(FEWEST, right.get_ylim()[1]))
    right.set_title("risk against coverage")


def _caption(kept: Kept) -> str:
    runs = sum(sureness.n for _, _, sureness in kept.found)
    return (
        f"Test images of {runs} run{'s' if runs > 1 else ''}. Left: images in 15 bins of confidence, points as large "
        "as the bins are full; on the dashed line a probability is the share that is right, below it the network is "
        f"too sure. Right: errors if only the surest images are answered. {kept.note}"
    ).strip()


def _alt(kept: Kept) -> str:
    said = []
    for _, entry, sureness in kept.found:
        known = sureness.confidence[~np.isnan(sureness.confidence)]
        mean = f"{known.mean():.4f}" if len(known) else "unknown"
        said.append(f"{entry.tag}: mean confidence {mean}, accuracy {sureness.right.mean():.4f}")
    return "Reliability. " + "; ".join(said)


def probability_rows(entries: Sequence[Entry]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of what configurations come to beside accuracy; no rows where no run has these figures."""
    names = [name for name in OF_PROBABILITIES if any(entry.row.figures.get(name) for entry in entries)]
    rows = [[entry.title, *(_spread(entry.row, name) for name in names)] for entry in entries]
    return ["", *names], rows if names else []


def _spread(row: Configuration, name: str) -> str:
    """Of fewer runs than have finished it says so: a negative log-likelihood that is infinite is in no mean."""
    if (figure := row.figures.get(name)) is None:
        return ""
    of = "" if figure.n == row.finished else f" ({figure.n} of {row.finished})"
    return (f"{figure.mean:.4f}" if figure.sd is None else f"{figure.mean:.4f} ± {figure.sd:.4f}") + of
