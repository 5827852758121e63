"""CONTRIBUTING.md is true: what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PAGE = (PROJECT / "CONTRIBUTING.md").read_text()
ROOMS = {folder.name for folder in (PROJECT / "src" / "groundup").iterdir() if (folder / "__init__.py").is_file()}


def named(pattern: str, page: str = PAGE) -> list[str]:
    return re.findall(pattern, page)


def test_every_path_is_there():
    paths = named(r"`((?:src|conf|docs|benchmarks)/[\w./]*|[A-Z]+\.md|\.ci/run)`")
    written = [path for path in paths if "NAME" not in path]
    assert len(written) > 15
    missing = [path for path in written if not (PROJECT / path).exists()]
    assert not missing


def test_every_room_has_its_row():
    table = PAGE.partition("| room | what is there |")[2].partition("\n\n")[0]
    assert set(named(r"`(\w+)/`", table)) == ROOMS


def test_the_stones_are_few():
    stones = {file.stem for file in (PROJECT / "src" / "groundup").glob("*.py")} - {"__init__", "__main__"}
    assert len(stones) <= 8, stones
