"""The plot of a Pareto front: what decides on the left, and what the test images say of the same on the right."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, LogLocator

from groundup.data.classes import listed
from groundup.report.configurations import Entry
from groundup.report.pareto import Front, Point
from groundup.report.picture import INK, MUTED, Picture, colour, fractions, logarithmic, new_figure, picture, style
from groundup.report.plots import ACCURACIES, WIDTH
from groundup.rundir.costs import COSTS, seconds
from groundup.rundir.figure import Figure

NAMED = 6  # configurations whose names a caption holds


def pareto_plot(front: Front, best: int, name: str) -> Picture:
    """All configurations against a cost, those on the front coloured and joined, the best ones numbered."""
    cost = COSTS[front.cost]
    shows_test = front.metric == "val/acc" and any(point.entry.figure("test/acc") for point in front.points)
    metrics = [front.metric, "test/acc"] if shows_test else [front.metric]
    values = [point.cost.mean for point in front.points]
    with style():
        figure = new_figure(WIDTH, 3.6)
        row = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
        for axes, metric in zip(row, metrics, strict=True):
            if min(values) > 0 and max(values) / min(values) > 8:
                logarithmic(axes, "x")
                if max(values) / min(values) > 300:
                    axes.xaxis.set_major_locator(LogLocator())  # else numbers would run into one another
            if metric == front.metric:
                _draw_line(axes, front)
            for point in reversed(front.points):  # the best on top
                if reached := point.entry.figure(metric):
                    _draw_point(axes, point, reached, numbered=point.on_front or point.place < best)
            axes.xaxis.set_major_formatter("{x:g}" if cost.write is seconds else EngFormatter(sep=""))
            axes.set_xlabel(cost.words)
            axes.set_title(f"{ACCURACIES[metric]} accuracy" + (", which decides" if len(metrics) > 1 else ""))
            if metric != front.metric:
                axes.set_title("test accuracy of the same")
        row[0].set_ylabel("accuracy")
        fractions(row[0], "y")
        title = f"Accuracy against {cost.words}"
        return picture(figure, name, title, _caption(front, shows_test), f"{title}. {_in_words(front, metrics)}")


def _draw_line(axes: Axes, front: Front) -> None:
    """The front: the best accuracy that a cost buys."""
    members = front.members
    costs, reached = [point.cost.mean for point in members], [point.accuracy.mean for point in members]
    axes.plot(costs, reached, color=INK, linewidth=1, alpha=0.6, drawstyle="steps-post", gid="front")


def _draw_point(axes: Axes, point: Point, reached: Figure, numbered: bool) -> None:
    drawn = colour(point.place) if point.on_front else MUTED
    axes.errorbar(
        point.cost.mean,
        reached.mean,
        xerr=point.cost.sd or None,
        yerr=reached.sd,
        fmt="o",
        color=drawn,
        mfc="none" if point.shared else drawn,
        alpha=1 if point.on_front else 0.45,
        markersize=6 if point.on_front else 4.5,
        elinewidth=1,
    )
    if numbered:
        above = point.place % 2 == 0  # every other one below its point: two configurations are often close
        axes.annotate(
            str(point.entry.number),
            (point.cost.mean, reached.mean),
            xytext=(6, 5) if above else (-6, -5),
            ha="left" if above else "right",
            va="bottom" if above else "top",
            textcoords="offset points",
            color=INK if point.on_front else MUTED,
        )


def _caption(front: Front, shows_test: bool) -> str:
    members = [point.entry for point in front.members]
    named = "; ".join(entry.title for entry in members[:NAMED])
    if len(members) > NAMED:
        named += f"; and {', '.join(str(entry.number) for entry in members[NAMED:])}"
    words = [f"On the front, the cheapest first: {named}."]
    words.append("Each of the others, in grey, costs no less than another one that is at least as accurate.")
    words.append("Means decide, whatever their bars, one sample standard deviation, have in common.")
    if front.metric == "test/acc":
        words.append("There is no validation data: the front was picked by its test accuracy, which is optimistic.")
    elif shows_test:
        words.append("Validation accuracy decides, so that the test accuracy is of configurations it has not picked.")
    if any(point.shared for point in front.points):
        words.append("Hollow: trained at once with others, so that the seconds were shared; on no front.")
    if len(devices := _devices([point.entry for point in front.points])) > 1 and COSTS[front.cost].write is seconds:
        words.append(f"They were trained on different devices, whose seconds are not alike: {listed(devices)}.")
    return " ".join(words)


def _devices(entries: Sequence[Entry]) -> list[str]:
    return sorted(
        {str(device) for entry in entries for run in entry.finished if (device := run.state.results.get("device"))}
    )


def _in_words(front: Front, metrics: Sequence[str]) -> str:
    write = COSTS[front.cost].write
    return (
        "On the front: "
        + "; ".join(
            f"{point.entry.tag}: {write(point.cost.mean)}, "
            + ", ".join(
                f"{ACCURACIES[metric]} {found.mean:.4f}" for metric in metrics if (found := point.entry.figure(metric))
            )
            for point in front.members
        )
        + "."
    )
