"""The report on disk: the page, and its parts as PNG, CSV and Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from groundup.errors import UserError
from groundup.files import as_csv, write_whole
from groundup.report.compared import shown_by_seed
from groundup.report.confusion import per_class
from groundup.report.curves import band
from groundup.report.section import Section
from groundup.rundir.costs import COSTS
from groundup.rundir.figure import number_in
from groundup.rundir.plain import Unreadable, read_json
from groundup.rundir.rendering import as_markdown, csv_rows
from groundup.rundir.table import OF_PROBABILITIES
from groundup.rundir.verdict_words import as_data

PAGE = "report.html"
MARKDOWN = "report.md"
LIST = ".groundup-report.json"  # of the files that a report has written
SURROGATES = "backslashreplace"  # of names that are no UTF-8, in a file that is
KINDS = ("configurations", "runs", "curves", "classes", "confusion", "comparison", "comparisons", "pareto")  # CSV files
COMPARED = ("seeds", "images", "difference", "beats", "p", "p_holm", "more_seeds", "smallest_settled", "sentence")
INTERVALS = ("over_seeds", "over_images", "over_both", "beats_interval")
RUN_FIGURES = (
    *("val/acc", "val/loss", "test/acc", "test/acc_tta", "test/loss", "train/loss", "best_epoch", "epochs", "steps"),
    *("samples_per_second", *COSTS, "stacked"),
    *OF_PROBABILITIES,
)

Rows = Iterable[Sequence[Any]]


def write_report(folder: Path, sections: Sequence[Section], page: str) -> None:
    """Writes everything, the page last. Of an earlier report in the folder nothing stays; what is not ours does.

    Raises:
        UserError: the folder cannot be written, or holds a file that no report has written and this one would replace.
    """
    files = _contents(sections) | {PAGE: page}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = sorted(path.name for path in folder.iterdir())  # looked at before the list: another may be writing
        earlier = _written(folder)
        if others := [name for name in there if name in files and name not in earlier]:
            raise UserError(
                f"out={folder}: holds {others[0]}, which is not on the list of what a report has written there "
                f"({LIST}): move it away, or name another folder"
            )
        _list(folder, {*files, *earlier})
        for name, content in files.items():
            write_whole(folder / name, content if isinstance(content, bytes) else content.encode(errors=SURROGATES))
        for name in {*there} & earlier - {*files}:
            if not (folder / name).is_dir():
                (folder / name).unlink(missing_ok=True)
        _list(folder, files)
    except OSError as error:
        raise UserError(f"out={folder}: cannot be written: {error.strerror or error}") from error


def _contents(sections: Sequence[Section]) -> dict[str, str | bytes]:
    """The files by their names, but for the page."""
    files: dict[str, str | bytes] = {}
    for section in sections:
        files |= {f"{drawing.name}.png": drawing.png for drawing in (*section.pictures, *section.matrices)}
        files |= {name: as_csv(rows) for name, rows in csv_files(section).items()}
    return files | {MARKDOWN: "\n".join(_markdown(section) for section in sections)}


def _written(folder: Path) -> set[str]:
    """What an earlier report has written there: names of files in this very folder, whatever its list says."""
    try:
        content = read_json(folder / LIST)
    except Unreadable:
        return set()
    names = content.get("files") if isinstance(content, dict) else None
    return {name for name in names if _is_plain(name)} if isinstance(names, list) else set()


def _is_plain(name: Any) -> bool:
    return isinstance(name, str) and Path(name).name == name


def _list(folder: Path, names: Iterable[str]) -> None:
    write_whole(folder / LIST, json.dumps({"files": sorted(names)}, indent=2) + "\n")


def csv_files(section: Section) -> dict[str, Rows]:
    """Rows by the names of their files; those without any are left out."""
    made = {kind: list(rows(section)) for kind, rows in zip(KINDS, _ROWS, strict=True)}
    return {f"{section.prefix}{kind}.csv": rows for kind, rows in made.items() if len(rows) > 1}


def _markdown(section: Section) -> str:
    return f"## {section.part.data}\n\n{as_markdown(section.part.table, section.said)}"


# Rows of the CSV files, the first one being the header


def _configurations(section: Section) -> Rows:
    header, *rows = csv_rows(section.part.table)
    yield ["number", *header]
    for entry, row in zip(section.part.entries, rows, strict=True):
        yield [entry.number, *row]


def _runs(section: Section) -> Rows:
    yield ["run", "configuration", "seed", "status", "reason", *RUN_FIGURES]
    for entry in section.part.entries:
        for run in entry.runs:
            figures = [number_in(run.state.results, name) for name in RUN_FIGURES]
            yield [run.path, entry.number, run.seed, run.state.status, run.state.reason, *figures]


def _curves(section: Section) -> Rows:
    yield ["configuration", "metric", "epoch", "mean", "sd", "n"]
    for entry in section.part.entries:
        runs = entry.finished or entry.runs
        for metric in ("train/loss", "val/loss", "train/acc", "val/acc"):
            if found := band(runs, metric):
                for epoch, figure in found.points.items():
                    yield [entry.number, metric, epoch, figure.mean, figure.sd, figure.n]


def _classes(section: Section) -> Rows:
    yield ["configuration", "class", "accuracy", "sd", "n"]
    for entry in section.part.entries:
        for name, figure in per_class(entry.finished).items():
            yield [entry.number, name, figure.mean, figure.sd, figure.n]


def _confusion(section: Section) -> Rows:
    yield ["configuration", "true", "predicted", "count", "runs"]
    for entry, found in section.confusions:
        for i, true in enumerate(found.classes):
            for j, predicted in enumerate(found.classes):
                yield [entry.number, true, predicted, int(found.counts[i, j]), found.n]


def _comparison(section: Section) -> Rows:
    verdict, found = section.verdict, shown_by_seed(section.verdict)
    if verdict is None or found is None:
        return
    numbers = [section.part.entries[place].number for place in (found.first, found.second)]
    yield ["seed", *(f"{verdict.metric} of {number}" for number in numbers), "difference"]
    for seed, (first, second) in found.held.pairs.items():
        yield [seed, first, second, first - second]


def _comparisons(section: Section) -> Rows:
    yield ["first", "second", "better", *COMPARED, *(f"{name} {end}" for name in INTERVALS for end in ("low", "high"))]
    for pair in as_data(section.verdict)["comparisons"] if section.verdict else ():
        places = (pair["first"], pair["second"], pair["better"])
        numbers = [None if place is None else section.part.entries[place].number for place in places]
        ends = [end for name in INTERVALS for end in (pair[name] or (None, None))]
        yield [*numbers, *(pair[name] for name in COMPARED), *ends]


def _pareto(section: Section) -> Rows:
    yield ["cost", "configuration", "mean", "sd", "val/acc", "test/acc", "by", "on_front", "beaten_by"]
    for front in section.fronts:
        for point in front.points:
            accuracies = [figure and figure.mean for figure in map(point.entry.figure, ("val/acc", "test/acc"))]
            beaten_by = point.beaten_by and point.beaten_by.number
            found = [front.metric, int(point.on_front), beaten_by]
            yield [front.cost, point.entry.number, point.cost.mean, point.cost.sd, *accuracies, *found]


_ROWS = (_configurations, _runs, _curves, _classes, _confusion, _comparison, _comparisons, _pareto)
