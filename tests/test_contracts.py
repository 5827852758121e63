"""Which room of the package may know which: the contracts of pyproject.toml, which `lint-imports` checks too."""

from __future__ import annotations

from pathlib import Path

import pytest
from importlinter.api import use_cases

PYPROJECT = (Path(__file__).parents[1] / "pyproject.toml").read_text()
TOP = '  "sweep | report | notebook", # of those side by side none knows another\n  "command",\n'
BROKEN = [
    ('  "run",\n  "callbacks",\n', '  "callbacks",\n  "run",\n'),  # an arrow that runs up
    (TOP, '  "sweep | report | notebook | command",\n'),  # side by side, and one knows another
    (" : seeds", ""),  # a stone that has no place
    ('  "groundup.borrowed.hydra",\n', '  "groundup.borrowed.lightning",\n'),  # torch, one step away
    ('  "groundup.notebook",\n  "groundup.run",\n', '  "groundup.notebook",\n  "groundup.command",\n'),
    ('forbidden_modules = ["train"', 'forbidden_modules = ["hydra"'),
]


def are_kept(pyproject: str, folder: Path) -> bool:
    """Whether today's imports keep the contracts of a pyproject.toml."""
    file = folder / "pyproject.toml"
    file.write_text(pyproject)
    return use_cases.lint_imports(str(file), cache_dir=None, no_logo=True)


def test_imports_keep_every_contract(tmp_path, capsys):
    assert are_kept(PYPROJECT, tmp_path), capsys.readouterr().out


@pytest.mark.parametrize(("contract", "edited"), BROKEN)
def test_a_contract_that_imports_do_not_keep_is_seen(tmp_path, capsys, contract, edited):
    assert PYPROJECT.count(contract) == 1
    assert not are_kept(PYPROJECT.replace(contract, edited), tmp_path)
    assert "3 kept, 1 broken" in capsys.readouterr().out
