"""The table of a sweep as it is read: in a terminal, as Markdown, as a sheet of numbers, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from groundup.files import write_csv, write_whole
from groundup.printable import column_widths, in_columns, printable, printable_lines, shortened
from groundup.rundir.costs import COSTS, OF_EACH_RUN
from groundup.rundir.figure import Figure, number_in
from groundup.rundir.names import TABLES
from groundup.rundir.overrides import shown
from groundup.rundir.replicates import Folds
from groundup.rundir.table import Table

MANY = 50  # rows that a terminal still shows
REASON = 100  # characters of what a job has failed of


def write_table(sweep_dir: Path, table: Table, verdict: Mapping[str, Any] | None = None) -> None:
    """Writes `sweep.json`, `sweep.md` and `sweep.csv`, each whole or not at all; `verdict`: see `verdict_words`."""
    as_data, as_page, as_sheet = (sweep_dir / name for name in TABLES)
    write_whole(as_data, json.dumps(as_json(table) | {"verdict": verdict}, indent=2) + "\n")
    write_whole(as_page, as_markdown(table, verdict["text"] if verdict else ""))
    write_csv(as_sheet, csv_rows(table))


def as_json(table: Table) -> dict[str, Any]:
    """Both tables with every digit."""
    return {
        "sorted_by": table.sorted_by,
        "configurations": [
            {
                "values": row.values,
                "jobs": row.jobs,
                "n": row.finished,
                "folds": row.folds and {"of": row.folds.of, "numbers": row.folds.numbers, "seeds": row.folds.seeds},
                **{
                    name: figure and {"mean": figure.mean, "sd": figure.sd, "n": figure.n}
                    for name, figure in row.figures.items()
                },
            }
            for row in table.configurations
        ],
        "jobs": [
            {
                "job": job.number,
                "folder": job.folder,
                "values": shown(job.overrides, table.job_keys),
                "status": state.status,
                "reason": state.reason,
                "overrides": job.overrides,
                **{name: number_in(state.results, name) for name in table.measured},
            }
            for job, state in table.jobs
        ],
    }


def csv_rows(table: Table) -> Iterable[list[Any]]:
    """A row a configuration, `NAME` being the mean and `NAME sd` the deviation."""
    yield [*table.keys, "n", *(column for name in table.measured for column in (name, f"{name} sd"))]
    for row in table.configurations:
        cells: list[Any] = [row.values.get(key, "") for key in table.keys]
        cells.append(row.finished)
        for name in table.measured:
            figure = row.figures[name]
            cells += ["", ""] if figure is None else [figure.mean, "" if figure.sd is None else figure.sd]
        yield cells


def as_markdown(table: Table, verdict: str = "") -> str:
    """Both tables and what the first settles; the second alone where no job has figures."""
    said = printable_lines(verdict).replace("\n", "  \n")  # which breaks a line
    parts = [markdown(*configuration_cells(table)), table.note, said] if table.figures else []
    return "\n\n".join(part for part in (*parts, markdown(*job_cells(table))) if part) + "\n"


def as_text(table: Table, width: int | None = None, rest: str = "sweep.md", verdict: str = "") -> str:
    """As Markdown has it, for a terminal of this width: of many rows the best, of many jobs those not finished.

    The others are in the file `rest`.
    """
    parts = []
    if table.figures:
        header, rows = configuration_cells(_fitting(table, width))
        parts += [aligned(header, rows[:MANY], width), _left_out(len(rows) - MANY, "configurations", rest), table.note]
    header, rows = job_cells(table)
    if len(rows) > MANY:
        rows = [row for row, (_, state) in zip(rows, table.jobs, strict=True) if not state.is_done][:MANY]
    if rows:
        parts.append(aligned(header, rows, width))
    parts += [_left_out(len(table.jobs) - len(rows), "jobs", rest), printable_lines(verdict)]
    return "\n\n".join(part for part in parts if part)


def _fitting(table: Table, width: int | None) -> Table:
    """Without the last costs, where a terminal of this width has no room for all; the files have them."""
    last = next((name for name in reversed(table.figures) if name in COSTS and name not in OF_EACH_RUN), None)
    header, rows = configuration_cells(table)
    if width is None or last is None or sum(column_widths([header, *rows[:MANY]])) + 2 * len(header) - 2 <= width:
        return table
    return _fitting(replace(table, figures=[name for name in table.figures if name != last]), width)


def _left_out(number: int, what: str, file: str) -> str:
    return f"{number:,} more {what}: {file}" if number > 0 else ""


# Cells


def configuration_cells(table: Table) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the first table."""
    rows = []
    for row in table.configurations:
        of = row.replicates
        n = str(row.finished) if row.finished == of else f"{row.finished} of {of}"
        n += _of_folds(row.folds, of) if row.folds else ""
        figures = [_spread(name, row.figures[name], row.finished) for name in table.figures]
        rows.append([*(row.values.get(key, "") for key in table.keys), *figures, n])
    return [*table.keys, *table.figures, "n"], rows


def _of_folds(folds: Folds, jobs: int) -> str:
    """` (5 folds x 3 seeds)`, ` (2 of 5 folds x 1 seed)`; with a comma where some of the pairs are no jobs."""
    there, seeds = len(folds.numbers), len(folds.seeds)
    said = f"{there} folds" if folds.is_whole else f"{there} of {folds.of} folds"
    sign = " x" if there * seeds == jobs else ","
    return f" ({said}{sign} {seeds} seed{'s' if seeds != 1 else ''})"


def job_cells(table: Table) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the second table."""
    names = [name for name in table.figures if name not in COSTS or name in OF_EACH_RUN]
    rows = []
    for job, state in table.jobs:
        values = shown(job.overrides, table.job_keys)
        figures = [_number(name, number_in(state.results, name)) for name in names]
        cells = [
            table.names.get(job.number, str(job.number)),
            *(values.get(key, "") for key in table.job_keys),
            *figures,
        ]
        rows.append([*cells, state.status, shortened(state.reason, REASON)])
    header = ["run" if table.names else "job", *table.job_keys, *names, "status", "reason"]
    if not any(row[-1] for row in rows):
        return header[:-1], [row[:-1] for row in rows]
    return header, rows


def _spread(name: str, figure: Figure | None, finished: int) -> str:
    """Of fewer runs than have finished it says so: a loss that is infinite is in no mean."""
    if figure is None:
        return ""
    mean, of = _number(name, figure.mean), "" if figure.n == finished else f" ({figure.n} of {finished})"
    fixed = name in COSTS and name not in OF_EACH_RUN and not figure.sd
    return (mean if figure.sd is None or fixed else f"{mean} ± {_number(name, figure.sd)}") + of


def _number(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return COSTS[name].write(value) if name in COSTS else f"{value:.4f}"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    header, *rows = [[printable(cell).replace("|", "\\|") for cell in row] for row in (header, *rows)]
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """In columns; of the last one, the reasons, as much as a terminal has room for, if that is worth reading."""
    header, *rows = [[printable(cell) for cell in row] for row in (header, *rows)]
    lines, widths = in_columns([header, *rows]), column_widths([header, *rows])
    if width and width - sum(widths[:-1]) - 2 * len(widths) >= 30:
        lines = [shortened(line, width) for line in lines]
    return "\n".join(lines)
