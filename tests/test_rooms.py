"""A room of the package says what is in it, and where to begin to read."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "groundup"
ROOMS = sorted(file.parent for file in SRC.glob("*/**/__init__.py"))


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(SRC)))
def test_a_room_says_what_is_there_and_names_modules_that_are(room):
    said = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
    first, _, rest = said.partition("\n\n")
    assert first.endswith(".")
    if begin := re.search(r"Read first: (.*?)(\. [A-Z]|\.?$)", rest, flags=re.DOTALL):
        named = re.findall(r"`(\w+)`", begin[1])
        assert named
        assert {name for name in named if not (room / f"{name}.py").exists()} == set()
