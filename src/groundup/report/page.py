"""The report as one page of HTML that needs nothing else: no network, no scripts, light and dark, fit to print."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import jinja2

from groundup.report.compared import shown_by_seed
from groundup.report.confusion import Confusion
from groundup.report.files import MARKDOWN, csv_files
from groundup.report.reliability import probability_rows
from groundup.report.repeat import commands, environment
from groundup.report.section import IN_DETAIL, Section
from groundup.report.verdict import comparison_rows, is_matrix, matrix_rows, pair_rows, unit
from groundup.rundir.rendering import configuration_cells, job_cells

MANY = 40  # rows beyond which a table is folded
MISTAKES = 8


def render(sections: Sequence[Section], notes: Sequence[str], words: Sequence[str], written: datetime) -> str:
    """The whole page.

    Args:
        sections: in the order of the page.
        notes: what could not be read.
        words: of the command that makes the page.
        written: when.
    """
    loader = jinja2.PackageLoader("groundup", "report")
    pages = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    runs = [run for section in sections for run in section.part.runs]
    return pages.get_template("page.html").render(
        sections=sections,
        notes=notes,
        command=shlex.join(["python", "report.py", *words]),
        written=f"{written:%Y-%m-%d %H:%M}",
        statuses=Counter(run.state.status for run in runs),
        total=len(runs),
        given_up=[run for run in runs if run.state.status == "pruned"],
        unfinished=[run for run in runs if not run.finished and run.state.status != "pruned"],
        environment=environment(runs),
        commands=commands,
        configurations=configurations,
        job_cells=job_cells,
        comparison_rows=comparison_rows,
        is_matrix=is_matrix,
        matrix_rows=matrix_rows,
        unit=unit,
        shown_by_seed=shown_by_seed,
        csv_files=csv_files,
        markdown=MARKDOWN,
        many=MANY,
        detail=IN_DETAIL,
        mistake_rows=mistake_rows,
        pair_rows=pair_rows,
        probability_rows=probability_rows,
    )


def configurations(section: Section) -> tuple[list[str], list[list[str]], int]:
    """Header, rows and the number of columns at their beginning that are words."""
    table = section.part.table
    header, rows = configuration_cells(table)
    numbered = [[str(entry.number), *row] for entry, row in zip(section.part.entries, rows, strict=True)]
    return ["", *header], numbered, 1 + len(table.keys)


def mistake_rows(matrix: Confusion) -> list[list[str]]:
    """The most frequent mistakes."""
    return [[true, other, f"{count:,}", f"{share:.2%}"] for true, other, count, share in matrix.mistakes(MISTAKES)]
