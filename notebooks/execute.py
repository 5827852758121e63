"""Executes notebooks from top to bottom and keeps what they show: `python notebooks/execute.py [NAME.ipynb ...]`.

Needs `pip install "groundup[notebooks]"`. Without names it executes all of them, and prints how long each took.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groundup.config.extras import exit_without

try:
    import nbformat
    from nbclient import NotebookClient
except ModuleNotFoundError as error:
    exit_without(error, "notebooks")

FOLDER = Path(__file__).parent


def execute(notebook: nbformat.NotebookNode, parameters: Mapping[str, Any] | None = None) -> None:
    """Executes a notebook in place, in a kernel of this Python.

    Args:
        notebook: as nbformat reads it.
        parameters: other values for the names of the cell that is tagged `parameters`; its source stays as it is.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    [cell] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    source = cell.source
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in (parameters or {}).items())
    try:
        client = NotebookClient(
            notebook,
            timeout=600,
            record_timing=False,  # when a cell ran would change in every commit
            coalesce_streams=True,
            resources={"metadata": {"path": str(FOLDER)}},
        )
        client.execute()
    finally:
        cell.source = source
    notebook.metadata.language_info = {"name": "python"}  # without the version of whoever executed it


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NAME.ipynb")
    for path in parser.parse_args().notebooks or sorted(FOLDER.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        start = time.perf_counter()
        execute(notebook)
        nbformat.write(notebook, path)
        print(f"{path.name}: {time.perf_counter() - start:.0f} s, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
