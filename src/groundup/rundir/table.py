"""The table of a sweep: configurations with mean and standard deviation over seeds, best first; then every job."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundup.files import write_csv, write_whole
from groundup.printable import printable
from groundup.rundir.jobs import FrozenJob
from groundup.rundir.names import TABLES
from groundup.rundir.overrides import shown, varied_keys
from groundup.rundir.state import JobState, read_state

FIGURES = ("val/acc", "test/acc", "test/acc_tta", "test/loss", "train_seconds", "parameters")
SEED = "seed"
PARTLY = "Without validation data, and so without a rank: the last rows."
MANY = 50  # rows that a terminal still shows
NO_VALIDATION = (
    "No validation data: sorted by test/acc, so the first row's figure is the best of several and optimistic."
)


@dataclass(frozen=True)
class Figure:
    """Mean and sample standard deviation of `n` values; no deviation of one."""

    mean: float
    sd: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure | None:
        if not values:
            return None
        return cls(statistics.mean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


@dataclass(frozen=True)
class Configuration:
    """The jobs that differ in nothing but the seed."""

    values: dict[str, str]
    jobs: list[int]
    finished: int
    figures: dict[str, Figure | None]


@dataclass(frozen=True)
class Table:
    """What a sweep came to."""

    keys: list[str]  # that varied, without the seed
    figures: list[str]  # that are shown
    configurations: list[Configuration]
    jobs: list[tuple[FrozenJob, JobState]]
    sorted_by: str
    names: Mapping[int, str]  # of jobs that are called by another name than their number

    @property
    def job_keys(self) -> list[str]:
        return varied_keys(job.overrides for job, _ in self.jobs)

    @property
    def note(self) -> str:
        if self.sorted_by == "test/acc":
            return NO_VALIDATION if len(self.configurations) > 1 else ""
        unranked = any(row.figures["test/acc"] and not row.figures["val/acc"] for row in self.configurations)
        return PARTLY if unranked else ""


def make_table(sweep_dir: Path, jobs: Sequence[FrozenJob]) -> Table:
    """Reads every job's directory."""
    return tabulate([(job, read_state(sweep_dir / str(job.number))) for job in jobs])


def tabulate(found: Sequence[tuple[FrozenJob, JobState]], names: Mapping[int, str] | None = None) -> Table:
    """The table of jobs of which it is known what became of them.

    Args:
        found: the jobs.
        names: of runs that are no jobs of one sweep, by their numbers.
    """
    keys = [key for key in varied_keys(job.overrides for job, _ in found) if key != SEED]
    groups: dict[tuple[tuple[str, str], ...], list[tuple[FrozenJob, JobState]]] = {}
    for job, state in found:
        groups.setdefault(tuple(shown(job.overrides, keys).items()), []).append((job, state))
    configurations = [_configuration(dict(values), members) for values, members in groups.items()]
    validated = any(configuration.figures["val/acc"] for configuration in configurations)
    tested = any(configuration.figures["test/acc"] for configuration in configurations)
    sorted_by = "test/acc" if tested and not validated else "val/acc"  # selection is never on the test split
    configurations.sort(key=lambda row: -_mean(row, sorted_by))
    return Table(keys, _figures_to_show(configurations), configurations, list(found), sorted_by, names or {})


def _configuration(values: dict[str, str], members: Sequence[tuple[FrozenJob, JobState]]) -> Configuration:
    finished = [state.results for _, state in members if state.status == "finished"]
    figures = {
        name: Figure.of([value for result in finished if (value := number_in(result, name)) is not None])
        for name in FIGURES
    }
    return Configuration(values, [job.number for job, _ in members], len(finished), figures)


def number_in(results: Mapping[str, Any], name: str) -> float | None:
    """A figure of a run; None where it has none, or none that is a finite number: the file may have been edited."""
    value = results.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if abs(value) <= sys.float_info.max else None  # no float is as large as a whole number may be


def _mean(row: Configuration, name: str) -> float:
    figure = row.figures[name]
    return figure.mean if figure else float("-inf")


def _figures_to_show(configurations: Sequence[Configuration]) -> list[str]:
    there = [name for name in FIGURES if any(row.figures[name] for row in configurations)]
    sizes = {figure.mean for row in configurations if (figure := row.figures["parameters"])}
    return [name for name in there if name != "parameters" or len(sizes) > 1]


# Files


def write_table(sweep_dir: Path, table: Table) -> None:
    """Writes `sweep.json`, `sweep.md` and `sweep.csv`, each whole or not at all."""
    as_data, as_page, as_sheet = (sweep_dir / name for name in TABLES)
    write_whole(as_data, json.dumps(as_json(table), indent=2) + "\n")
    write_whole(as_page, as_markdown(table))
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
                "values": shown(job.overrides, table.job_keys),
                "status": state.status,
                "reason": state.reason,
                "overrides": job.overrides,
                **{name: number_in(state.results, name) for name in FIGURES},
            }
            for job, state in table.jobs
        ],
    }


def csv_rows(table: Table) -> Iterable[list[Any]]:
    """A row a configuration, `NAME` being the mean and `NAME sd` the deviation."""
    yield [*table.keys, "n", *(column for name in FIGURES for column in (name, f"{name} sd"))]
    for row in table.configurations:
        cells: list[Any] = [row.values.get(key, "") for key in table.keys]
        cells.append(row.finished)
        for name in FIGURES:
            figure = row.figures[name]
            cells += ["", ""] if figure is None else [figure.mean, "" if figure.sd is None else figure.sd]
        yield cells


def as_markdown(table: Table) -> str:
    """Both tables; the second alone where no job has figures."""
    parts = [markdown(*configuration_cells(table)), table.note] if table.figures else []
    return "\n\n".join(part for part in (*parts, markdown(*job_cells(table))) if part) + "\n"


def as_text(table: Table, width: int | None = None, rest: str = "sweep.md") -> str:
    """As Markdown has them, for a terminal of this width: of many rows the best, of many jobs those not finished.

    The others are in the file `rest`.
    """
    parts = []
    if table.figures:
        header, rows = configuration_cells(table)
        parts += [aligned(header, rows[:MANY], width), _left_out(len(rows) - MANY, "configurations", rest), table.note]
    header, rows = job_cells(table)
    if len(rows) > MANY:
        rows = [row for row, (_, state) in zip(rows, table.jobs, strict=True) if state.status != "finished"][:MANY]
    if rows:
        parts.append(aligned(header, rows, width))
    parts.append(_left_out(len(table.jobs) - len(rows), "jobs", rest))
    return "\n\n".join(part for part in parts if part)


def _left_out(number: int, what: str, file: str) -> str:
    return f"{number:,} more {what}: {file}" if number > 0 else ""


# Cells


def configuration_cells(table: Table) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the first table."""
    rows = []
    for row in table.configurations:
        of = len(row.jobs)
        n = str(row.finished) if row.finished == of else f"{row.finished} of {of}"
        figures = [_spread(name, row.figures[name]) for name in table.figures]
        rows.append([*(row.values.get(key, "") for key in table.keys), *figures, n])
    return [*table.keys, *table.figures, "n"], rows


def job_cells(table: Table) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the second table."""
    names = [name for name in table.figures if name != "parameters"]
    rows = []
    for job, state in table.jobs:
        values = shown(job.overrides, table.job_keys)
        figures = [_number(name, number_in(state.results, name)) for name in names]
        cells = [
            table.names.get(job.number, str(job.number)),
            *(values.get(key, "") for key in table.job_keys),
            *figures,
        ]
        rows.append([*cells, state.status, _short(state.reason)])
    header = ["run" if table.names else "job", *table.job_keys, *names, "status", "reason"]
    if not any(row[-1] for row in rows):
        return header[:-1], [row[:-1] for row in rows]
    return header, rows


def _spread(name: str, figure: Figure | None) -> str:
    if figure is None:
        return ""
    mean = _number(name, figure.mean)
    return mean if figure.sd is None or name == "parameters" else f"{mean} ± {_number(name, figure.sd)}"


def _number(name: str, value: float | None) -> str:
    if value is None:
        return ""
    if name == "parameters":
        return f"{value:,.0f}"
    if name == "train_seconds":
        return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{value:.4f}"


def _short(reason: str, length: int = 100) -> str:
    return reason if len(reason) <= length else f"{reason[: length - 1]}…"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    header, *rows = [[printable(cell).replace("|", "\\|") for cell in row] for row in (header, *rows)]
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """In columns; of the last one, the reasons, as much as a terminal has room for, if that is worth reading."""
    header, *rows = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)]
    cut = width if width and width - sum(widths[:-1]) - 2 * len(widths) >= 30 else None
    return "\n".join(_short(line.rstrip(), cut) if cut else line.rstrip() for line in lines)
