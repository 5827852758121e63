"""The hand-written networks read as a straight line: no file imports one that imports it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from groundup import numpy_nets

ROOM = Path(numpy_nets.__file__).parent


def imported(node: ast.AST, package: str) -> Iterator[str]:
    """The modules, and names that may be modules, of an import statement, without the package in front of them."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        place = ".".join(filter(None, [package if node.level else "", node.module]))
        names = [f"{place}.{alias.name}" for alias in node.names]
    else:
        return
    yield from (name.removeprefix(f"{package}.").split(".")[0] for name in names if name.startswith(f"{package}."))


def imports(room: Path, package: str) -> dict[str, set[str]]:
    """What each file takes from its neighbours, wherever in it: at the top, in a function, under TYPE_CHECKING."""
    files = {file.stem: file.read_text(encoding="utf-8") for file in room.glob("*.py") if file.stem != "__init__"}
    return {
        name: {part for node in ast.walk(ast.parse(text)) for part in imported(node, package)} & files.keys()
        for name, text in files.items()
    }


def test_no_file_imports_one_that_imports_it():
    graph = imports(ROOM, "groundup.numpy_nets")
    assert graph["dense"] >= {"layer", "init"}  # it sees imports at all
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def read_too_early(order: list[str], graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The files that import what stands at or after their own place, and what that is."""
    late = {name: graph[name] & set(order[place:]) for place, name in enumerate(order)}
    return {name: parts for name, parts in late.items() if parts}


def test_the_order_of_reading_names_every_file_and_each_imports_only_files_before_it():
    graph = imports(ROOM, "groundup.numpy_nets")
    order = re.findall(r"`(\w+)`", str(numpy_nets.__doc__).split("Read in this order")[1])
    assert sorted(order) == sorted(graph)
    assert read_too_early(order, graph) == {}
    assert "layer" in read_too_early(order[::-1], graph)["dense"]


@pytest.mark.parametrize(
    "back",
    [
        "from room.a import A",
        "from room import a",
        "import room.a as first",
        "from .a import A",
        "from . import a",
        "def f():\n    from room.a import A",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from room.a import A",
    ],
)
def test_a_circle_is_found_wherever_the_import_hides(tmp_path, back):
    (tmp_path / "a.py").write_text("from room.b import B\n", encoding="utf-8")
    (tmp_path / "b.py").write_text("from room.c import C\n", encoding="utf-8")
    (tmp_path / "c.py").write_text("import room_of_others.a\n", encoding="utf-8")
    TopologicalSorter(imports(tmp_path, "room")).prepare()
    (tmp_path / "c.py").write_text(f"{back}\n", encoding="utf-8")
    with pytest.raises(CycleError):
        TopologicalSorter(imports(tmp_path, "room")).prepare()
