"""docs/design/index.md and its picture are those of the code: every room, no arrow up, steps that are imports."""

from __future__ import annotations

import re
import runpy

import pytest
from pages import DOCS, PROJECT

MAKE = runpy.run_path(str(DOCS / "make_rooms.py"))
PYPROJECT = (PROJECT / "pyproject.toml").read_text()


@pytest.fixture(scope="module")
def code():
    """Rows of rooms, what each imports, and all imports."""
    pairs = MAKE["imports"]()
    return MAKE["rows"](PYPROJECT), MAKE["between_rooms"](pairs, MAKE["folders"](), MAKE["stones"](PYPROJECT)), pairs


def test_picture_and_page_are_those_of_the_code():
    drawing, page = MAKE["made"]()
    assert MAKE["PICTURE"].read_text() == drawing, "python docs/make_rooms.py"
    assert MAKE["PAGE"].read_text() == page, "python docs/make_rooms.py"


def test_every_room_is_in_the_picture_once():
    names = re.findall(r'class="name"[^>]*>(\w+)</text>', MAKE["PICTURE"].read_text())
    rooms = {file.parent.name for file in (PROJECT / "src" / "groundup").glob("*/__init__.py")}
    assert sorted(names) == sorted(rooms | {"stones"})


def test_a_room_that_is_missing_is_seen(code):
    layers, known, pairs = code
    without = [[room for room in row if room != "noprop"] for row in layers]
    with pytest.raises(ValueError, match=r"rooms that not all have: \['noprop'\]"):
        MAKE["refuse"]([row for row in without if row], known, pairs)
    with pytest.raises(ValueError, match=r"rooms that not all have: \['attic'\]"):
        MAKE["refuse"](layers, known | {"attic": set()}, pairs)


def test_an_arrow_that_runs_up_is_seen(code):
    layers, known, pairs = code
    with pytest.raises(ValueError, match=r"run up: \[\('data', 'run'\)\]"):
        MAKE["refuse"](layers, known | {"data": {"run"}}, pairs)
    with pytest.raises(ValueError, match=r"run up: .*\('cli', 'sweep'\)"):
        MAKE["refuse"](list(reversed(layers)), known, pairs)


def test_two_rooms_side_by_side_know_nothing_of_one_another(code):
    layers, known, pairs = code
    with pytest.raises(ValueError, match=r"run up: \[\('learning', 'config'\)\]"):
        MAKE["refuse"](layers, known | {"learning": {"config"}}, pairs)


def test_a_step_that_is_no_import_is_seen(code):
    layers, known, pairs = code
    step = MAKE["WAY"][2]
    with pytest.raises(ValueError, match=r"steps that are no imports: .*'run\.run'"):
        MAKE["refuse"](layers, known, pairs - {(step.importer, step.imported)})
