"""The report on disk: the page, and its parts as PNG, CSV and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from groundup.errors import UserError
from groundup.files import write_csv, write_whole
from groundup.report.confusion import per_class
from groundup.report.curves import band
from groundup.report.section import Section
from groundup.sweep.table import as_markdown, csv_rows, number_in

PAGE = "report.html"
MARKDOWN = "report.md"
KINDS = ("configurations", "runs", "curves", "classes", "confusion", "comparison")  # CSV files
RUN_FIGURES = (
    *("val/acc", "val/loss", "test/acc", "test/acc_tta", "test/loss", "train/loss", "best_epoch", "epochs", "steps"),
    *("train_seconds", "samples_per_second", "parameters", "stacked"),
)

Rows = Iterable[Sequence[Any]]


def write_report(folder: Path, sections: Sequence[Section], page: str) -> None:
    """Writes everything, the page last; of an earlier report in the folder nothing stays.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_earlier(folder)
        for section in sections:
            for drawing in (*section.pictures, *section.matrices):
                write_whole(folder / f"{drawing.name}.png", drawing.png)
            for name, rows in csv_files(section).items():
                write_csv(folder / name, rows)
        write_whole(folder / MARKDOWN, "\n".join(_markdown(section) for section in sections))
        write_whole(folder / PAGE, page.encode(errors="replace"))
    except OSError as error:
        raise UserError(f"out={folder}: cannot be written: {error.strerror or error}") from error


def csv_files(section: Section) -> dict[str, Rows]:
    """Rows by the names of their files; those without any are left out."""
    made = {kind: list(rows(section)) for kind, rows in zip(KINDS, _ROWS, strict=True)}
    return {f"{section.prefix}{kind}.csv": rows for kind, rows in made.items() if len(rows) > 1}


def _remove_earlier(folder: Path) -> None:
    """Nothing that a report does not write: the folder may be anybody's."""
    patterns = [f"*{kind}.csv" for kind in KINDS]
    patterns += [
        f"*{name}.png" for name in ("accuracy", "curves", "parameters", "seconds", "classes", "confusion-[0-9]*")
    ]
    if (folder / PAGE).exists():
        for pattern in patterns:
            for file in folder.glob(pattern):
                file.unlink()


def _markdown(section: Section) -> str:
    return f"## {section.part.data}\n\n{as_markdown(section.part.table)}"


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
    found = section.comparison
    if found is None:
        return
    yield ["seed", f"{found.metric} of {found.first.number}", f"{found.metric} of {found.second.number}", "difference"]
    for seed, (first, second) in found.pairs.items():
        yield [seed, first, second, first - second]


_ROWS = (_configurations, _runs, _curves, _classes, _confusion, _comparison)
