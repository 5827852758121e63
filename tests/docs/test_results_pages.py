"""docs/results: tables are those of the JSON beside them, and every row says how it came about."""

from __future__ import annotations

import re
import runpy
from decimal import Decimal

import pytest
from pages import DOCS, PROJECT

MAKE = runpy.run_path(str(DOCS / "make_results.py"))
CONDITIONS, KINDS, NOT_RUN = MAKE["CONDITIONS"], MAKE["KINDS"], MAKE["NOT_RUN"]
README = (PROJECT / "README.md").read_text()
PAGES = MAKE["pages"]()
ROWS = [
    pytest.param(given["columns"], row, id=f"{page.stem}-{name}-{number}")
    for page in PAGES
    for name, given in MAKE["tables"](page).items()
    for number, row in enumerate(given["rows"])
]


def test_every_page_has_its_file():
    assert {page.stem for page in PAGES} == {
        "accuracy",
        "by_hand",
        "without_backprop",
        "records",
        "speed",
        "verdict",
        "lr_range",
    }
    assert {page.stem for page in (DOCS / "results").glob("*.md")} == {page.stem for page in PAGES} | {"index"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_tables_are_those_of_the_file(page):
    assert MAKE["filled"](page) == page.read_text(), "python docs/make_results.py"


def test_a_figure_that_was_changed_by_hand_is_seen(tmp_path):
    """The control."""
    page = tmp_path / "accuracy.md"
    page.with_suffix(".json").write_text((DOCS / "results" / "accuracy.json").read_text())
    text = (DOCS / "results" / "accuracy.md").read_text()
    page.write_text(text.replace("98.48", "99.48"))
    assert page.read_text() != text
    assert MAKE["filled"](page) == text


def test_a_table_without_a_place_is_told_of(tmp_path):
    page = tmp_path / "speed.md"
    page.with_suffix(".json").write_text((DOCS / "results" / "speed.json").read_text())
    page.write_text("# Speed\n")
    with pytest.raises(SystemExit, match="shows the tables"):
        MAKE["filled"](page)


@pytest.mark.parametrize(("columns", "row"), ROWS)
def test_a_row_says_how_it_came_about(columns, row):
    for name in CONDITIONS:
        assert isinstance(row[name], str)
        assert row[name], name
    assert row.keys() <= columns.keys() | set(CONDITIONS) | {"reason"}
    was_run = row["seeds"] != NOT_RUN
    assert was_run or row["reason"]
    assert {row[name] for name in ("machine", "date")} == {NOT_RUN} or was_run
    assert re.fullmatch(r"\d{4}-\d\d-\d\d|not recorded|not run", row["date"])


@pytest.mark.parametrize(("columns", "row"), ROWS)
def test_a_figure_has_a_kind_a_spread_and_a_number(columns, row):
    found = [figure for key in columns for figure in MAKE["_figures"]([row], key)]
    for figure in found:
        kind = MAKE["kind_of"](figure)
        assert figure.keys() <= {kind, "spread", "n", "unit", "of"}
        assert figure["n"] == "not recorded" or figure["n"] >= 1
        spread = figure["spread"]
        assert (spread is None) == (figure["n"] == 1), "one measurement has no spread, and several have one"
        if isinstance(spread, list):
            low, high = spread
            assert low <= (figure[kind] if kind != "range" else low) <= high
        if isinstance(spread, Decimal):
            assert kind == "mean"


def test_commands_name_files_that_are_there():
    commands = {param.values[1]["command"] for param in ROWS} - {"not recorded"}
    for command in commands:
        script = re.search(r"python (\S+\.py)(.*)", command)
        assert script, command
        text = (PROJECT / script[1]).read_text()
        for flag in re.findall(r"--[a-z-]+", script[2]):
            assert f'"{flag}"' in text, f"{command}: {flag}"


def recipes_with_figures():
    """Not those of headers that give the paper's figures alone, nor those of a part of a network."""
    for param in ROWS:
        row = param.values[1]
        found = re.search(r"experiment=([\w/]+)", row["command"])
        of_header = "others" not in param.id and row.get("read", "`test/acc`") == "`test/acc`"
        if found and of_header and isinstance(row.get("test_acc"), dict):
            yield pytest.param(found[1], MAKE["figure_words"](row["test_acc"]), id=param.id)


@pytest.mark.parametrize(("experiment", "figure"), [*recipes_with_figures()])
def test_the_header_of_a_recipe_says_the_same(experiment, figure):
    """`98.48 ± 0.07` stands in conf/experiment/mnist_mlp.yaml too; of a single run the header may round."""
    header = (PROJECT / "conf" / "experiment" / f"{experiment}.yaml").read_text().partition("defaults:")[0]
    rounded = f"{Decimal(figure):.1f}" if "±" not in figure else figure
    said = re.sub(r"\n# *", " ", header)
    assert figure in said or rounded in said


def readme_rows():
    """Command and figures of each row of the README's table of results."""
    section = README.partition("\n## Results\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `python ")]
    return [(row[0].strip("`"), re.findall(r"\d+\.\d+(?: ± \d+\.\d+)?", row[-1])) for row in rows]


@pytest.mark.parametrize(("command", "shown"), readme_rows())
def test_a_row_of_the_readme_is_one_of_the_results(command, shown):
    """By the command's words; seed 0 is the default."""
    words = set(command.split()) - {"seed=0"}
    rows = [param.values[1] for param in ROWS if set(param.values[1]["command"].split()) - {"seed=0"} == words]
    figures = {MAKE["figure_words"](each) for row in rows for key in row for each in MAKE["_figures"]([row], key)}
    assert shown
    assert set(shown) <= figures


def test_rows_of_the_readme_were_found():
    assert len(readme_rows()) == 6
