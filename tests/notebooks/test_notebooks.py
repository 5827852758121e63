"""Notebooks run from top to bottom, and what they show in the repository is what a run of them showed."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
sys.path.insert(0, str(FOLDER))
from execute import execute  # noqa: E402

NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))
SMALL = {
    "01_by_hand.ipynb": {"LIMIT": 300, "EPOCHS": 2},
    "02_same_net_twice.ipynb": {
        "LIMIT": 200,
        "STEPS": 60,
        "BATCH_SIZES": [1, 8],
        "REPEATS": 2,
        "EPOCHS": 1,
        "SEEDS": "0,1",
    },
    "03_sweeps.ipynb": {
        "SEEDS": "0,1",
        "LAST_SEEDS": "10,11",
        "EPOCHS": 2,
        "WIDTHS": [4, 8],
        "DEPTHS": [1, 2],
        "RATES": "0.01,0.1",
        "MOMENTA": "0,0.9",
    },
    "04_without_backprop.ipynb": {"BLOCKS": 2, "EPOCHS": 1, "LIMIT": 300, "SEEDS": "0,1"},
}
# Names of places and people that outputs of a run may hold, and colours of a terminal, as of tracebacks.
NOT_FOR_OTHERS = re.compile(r"/(?:tmp|home|root|work|usr|opt|Users|var)\b|\x1b\[|site-packages|Traceback|Warning")


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(FOLDER / name, as_version=4)


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(notebook: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for cell in code_cells(notebook) for output in cell.outputs)


@pytest.fixture(params=NAMES)
def notebook(request) -> nbformat.NotebookNode:
    return read(request.param)


def test_every_notebook_has_small_settings_here():
    assert list(SMALL) == NAMES


def test_it_is_a_valid_notebook_for_any_python(notebook):
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.language_info == {"name": "python"}
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)


def test_it_opens_with_what_it_shows_and_how_long_it_takes(notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert re.search(r"takes (?:about|less than) [\w ]*(?:seconds|minutes?) on two shared CPU\s+cores", first.source)


def test_it_uses_the_package_and_every_name_it_imports(notebook):
    tree = ast.parse("\n".join(cell.source for cell in code_cells(notebook)))
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert imported <= used
    assert any(isinstance(node, ast.ImportFrom) and node.module.startswith("groundup") for node in ast.walk(tree))


def test_its_cells_were_run_once_in_order_and_without_error(notebook):
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert {output.output_type for output in outputs} <= {"stream", "execute_result", "display_data"}
    assert {output.name for output in outputs if output.output_type == "stream"} == {"stdout"}
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 4


def test_what_it_shows_names_no_place_of_the_machine_it_ran_on(notebook):
    texts = [printed(notebook)]
    for cell in code_cells(notebook):
        texts += [str(o.data.get("text/plain", "")) for o in cell.outputs if "data" in o]
    for text in texts:
        assert not NOT_FOR_OTHERS.search(text), text
    assert NOT_FOR_OTHERS.search("/home/someone/outputs")  # the control


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small_enough_to_be_read_in_a_browser(name):
    assert (FOLDER / name).stat().st_size < 400_000


def test_references_between_notebooks_and_to_files_lead_somewhere(notebook):
    text = "\n".join(cell.source for cell in notebook.cells)
    for found in re.findall(r"`(\w+\.ipynb)`", text):
        assert (FOLDER / found).is_file()
    for found in re.findall(r"`(?:python )?((?:src|benchmarks)/[\w/]+\.py)", text):
        assert (FOLDER.parent / found).is_file()


def test_the_shown_sweeps_are_as_many_runs_as_the_text_says():
    notebook = read("03_sweeps.ipynb")
    [told] = re.findall(r"runs (\d+) small networks", notebook.cells[0].source)
    shown = re.findall(r"(\d+) of (\d+) jobs finished", printed(notebook))
    assert sum(int(finished) for finished, _ in shown) == sum(int(jobs) for _, jobs in shown) == int(told)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_from_top_to_bottom(name, tmp_path, monkeypatch):
    monkeypatch.setenv("GROUNDUP_DATA", str(tmp_path))  # nothing may be needed of it
    notebook = read(name)
    parameters = dict(SMALL[name])
    if name != "01_by_hand.ipynb":
        parameters["FOLDER"] = str(tmp_path / "sweeps")
    sources = [cell.source for cell in notebook.cells]
    execute(notebook, parameters)
    assert [cell.source for cell in notebook.cells] == sources
    text = printed(notebook)
    CHECKS[name](text)


def check_by_hand(text: str) -> None:
    """Gradients are right where they should be and only there."""
    right, wrong = re.search(r"right: relative error (\S+)\nwrong: relative error (\S+)", text).groups()
    assert float(right) < 1e-9 < 0.1 < float(wrong)
    errors = [float(error) for error in re.findall(r"weights, relative error (\S+)", text)]
    assert len(errors) == 4 + 8 + 8
    assert max(errors[:12]) < 1e-6
    assert sum(error > 0.1 for error in errors[12:]) == 2


def check_same_net(text: str) -> None:
    gradients = [float(value) for value in re.findall(r"largest relative difference (\S+)", text)]
    losses = [float(value) for value in re.findall(r"largest difference in 60 steps (\S+)", text)]
    for _, bits64, smooth, wrong in (gradients, losses):
        assert bits64 < 1e-12
        assert smooth < 1e-4
        assert wrong > 1e-3
    tested, moved = re.findall(r"(?:model=lenet|its weights): +(\S+)", text)
    assert tested == moved
    assert "same: False" not in text


def check_sweeps(text: str) -> None:
    counts = [re.findall(r"(\d+) of (\d+) jobs finished", text)]
    assert counts == [[("10", "10"), ("8", "8"), ("24", "24"), ("2", "2"), ("2", "2")]]
    assert re.search(r"difference of the same seed: [+-]\d", text)


def check_without_backprop(text: str) -> None:
    """A block keeps T times less than T blocks, inference is the package's, and without its image it guesses."""
    factors = re.findall(r"(\d+) blocks: back-propagation.*: +(\S+) times as much", text)
    assert [round(float(factor)) for _, factor in factors] == [int(blocks) for blocks, _ in factors] == [1, 2, 5, 10]
    assert "as groundup.noprop has it: True" in text
    assert re.findall(r"(\d+) of (\d+) jobs finished", text) == [("2", "2"), ("6", "6"), ("2", "2"), ("6", "6")]
    [shuffled] = re.findall(r"images shuffled, five orders: +(\S+)% ±", text)
    assert 5 < float(shuffled) < 17


CHECKS = {
    "01_by_hand.ipynb": check_by_hand,
    "02_same_net_twice.ipynb": check_same_net,
    "03_sweeps.ipynb": check_sweeps,
    "04_without_backprop.ipynb": check_without_backprop,
}
