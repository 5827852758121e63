"""Writes the tables of docs/results/ from the JSON file beside each page: python docs/make_results.py

A file `NAME.json` holds tables: `columns`, from a key to its heading, and `rows`. A row says by which `command` a
figure came, with which `seeds`, on which `machine`, at which `date`, with which `versions`. A figure is an object: one
of `mean`, `median`, `least`, `value` and `range`, then `spread` (a standard deviation, or two ends; null for a single
run) and `n`, perhaps `unit` and `of`. A figure that was not measured is null, and its row has a `reason`. What nobody
wrote down is "not recorded". The table stands in `NAME.md` between `<!-- table: TABLE -->` and `<!-- /table -->`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
CONDITIONS = ("command", "seeds", "machine", "date", "versions")
KINDS = {  # of a figure, and what it is called below a table
    "mean": "mean ± sample standard deviation",
    "median": "median (range)",
    "least": "shortest run",
    "value": "value",
    "range": "range",
}
NOT_RUN, NOT_RECORDED = "not run", "not recorded"
TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- /table -->)", flags=re.DOTALL)

Row = Mapping[str, Any]


def tables(page: Path) -> dict[str, dict[str, Any]]:
    """What stands beside a page, its numbers with every digit that was written."""
    return json.loads(page.with_suffix(".json").read_text(), parse_float=Decimal)


def filled(page: Path) -> str:
    """The page with each of its tables made anew."""
    found = tables(page)
    text = page.read_text()
    names = [name for _, name, _ in TABLE.findall(text)]
    if sorted(names) != sorted(found):
        raise SystemExit(f"{page.name} shows the tables {sorted(names)}, but {page.stem}.json has {sorted(found)}")
    return TABLE.sub(lambda match: f"{match[1]}{table(found[match[2]])}\n{match[3]}", text)


def table(given: Mapping[str, Any]) -> str:
    """Markdown: the columns, those conditions that differ from row to row, and below it what holds for all rows."""
    columns, rows = given["columns"], given["rows"]
    varying = [name for name in CONDITIONS if name not in columns and len(_said(rows, name)) > 1]
    is_one_command = len({row["command"] for row in rows}) == 1
    keys = [key for key in (*columns, *varying) if key != "command"]
    keys += [] if is_one_command else ["command"]  # last, for it is wide
    lines = [[_heading(columns, key, rows) for key in keys], ["---"] * len(keys)]
    lines += [[cell(row, key, rows) for key in keys] for row in rows]
    shared = [name for name in CONDITIONS if name not in keys]
    notes = " ".join([*_shared(rows, shared), *_legend(columns, rows)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + f"\n\n*{notes or 'None of it was run here.'}*"


def cell(row: Row, key: str, rows: Sequence[Row]) -> str:
    """A figure, or words as they stand; the number of measurements only where rows of a column differ in it."""
    value = row.get(key, "")
    if value is None:
        return f"not measured: {row['reason']}"
    if key == "command":
        return f"`{value}`"
    if isinstance(value, int):
        return f"{value:,}"
    figures = _figures([row], key)
    if not figures:
        return value
    differ = len({figure["n"] for figure in _figures(rows, key)}) > 1
    with_unit = _unit(rows, key) is None
    words = "; ".join(figure_words(figure, differ, with_unit) for figure in figures)
    return words.replace(" ± ", "\u00a0±\u00a0")  # on one line


def figure_words(figure: Mapping[str, Any], with_n: bool = False, with_unit: bool = True) -> str:
    """Such as `98.48 ± 0.07`, `1.03 (0.96 to 1.06) times as long`, `18 to 22 min`."""
    kind, spread = kind_of(figure), figure["spread"]
    words = "" if kind == "range" else f"{figure[kind]:,}"
    if isinstance(spread, list):
        ends = f"{spread[0]:,} to {spread[1]:,}"
        words = f"{words} ({ends})" if words else ends
    elif spread not in (None, NOT_RECORDED):
        words += f" ± {spread}"
    words += f" {figure['unit']}" if "unit" in figure and with_unit else ""
    words += f" ({figure['of']})" if "of" in figure else ""
    return f"{words} (n = {figure['n']})" if with_n and figure["n"] != NOT_RECORDED else words


def kind_of(figure: Mapping[str, Any]) -> str:
    [kind] = KINDS.keys() & figure.keys()
    return kind


def _heading(columns: Mapping[str, str], key: str, rows: Sequence[Row]) -> str:
    unit = _unit(rows, key)
    return columns.get(key, key) + (f", {unit}" if unit else "")


def _unit(rows: Sequence[Row], key: str) -> str | None:
    """That of all figures of a column, which then stands in its heading; not where words stand beside them."""
    words = {row[key] for row in rows if isinstance(row.get(key), str)} - {"", NOT_RECORDED}
    units = {figure.get("unit") for figure in _figures(rows, key)}
    return units.pop() if len(units) == 1 and not words else None


def _figures(rows: Sequence[Row], key: str) -> list[Mapping[str, Any]]:
    values = [row.get(key) for row in rows]
    flat = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return [each for each in flat if isinstance(each, Mapping)]


def _said(rows: Sequence[Row], name: str) -> list[str]:
    """What the rows that were run say of a condition, each once."""
    return list(dict.fromkeys(row[name] for row in rows if row["seeds"] != NOT_RUN))


def _shared(rows: Sequence[Row], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        for value in _said(rows, name):
            yield f"{name.capitalize()}: `{value}`." if _is_command(name, value) else f"{name.capitalize()}: {value}."


def _is_command(name: str, value: str) -> bool:
    return name == "command" and value != NOT_RECORDED


def _legend(columns: Mapping[str, str], rows: Sequence[Row]) -> Iterator[str]:
    """What each column of figures is: kind, number, and what nobody wrote down."""
    said: dict[str, list[str]] = {}
    for key, heading in columns.items():
        if figures := _figures(rows, key):
            kinds = " or ".join(dict.fromkeys(_kind_words(figure) for figure in figures))
            counts = list(dict.fromkeys(figure["n"] for figure in figures))
            words = f"{kinds}{_number_words(counts)}"
            said.setdefault(words, []).append(heading)
    for words, headings in said.items():
        names = " and ".join(heading.partition(",")[0] for heading in headings)  # without the unit
        yield f"{names[0].upper()}{names[1:]}: {words}."


def _kind_words(figure: Mapping[str, Any]) -> str:
    if figure["n"] == 1:
        return "one run"
    if figure["spread"] == NOT_RECORDED:
        return f"{KINDS[kind_of(figure)].split(' ')[0]} without a recorded spread"
    return KINDS[kind_of(figure)]


def _number_words(counts: Sequence[int | str]) -> str:
    """What is said below a table of the number of measurements; where it differs, it stands in the cells."""
    if len(counts) > 1:
        return ", n not recorded where none is given" if NOT_RECORDED in counts else ""
    [n] = counts
    return "" if n == 1 else f", n {n if n == NOT_RECORDED else f'= {n}'}"


def pages() -> list[Path]:
    return [file.with_suffix(".md") for file in sorted(RESULTS.glob("*.json"))]


if __name__ == "__main__":
    for each in pages():
        each.write_text(filled(each))
