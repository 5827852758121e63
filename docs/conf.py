"""The site: sphinx-build -W docs docs/_build"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

DOCS = Path(__file__).parent
NOTEBOOKS = DOCS.parent / "notebooks"

project = "groundup"
author = "the groundup contributors"
copyright = author
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build", "jupyter_execute"]
html_theme = "furo"
html_title = "groundup"
html_show_sphinx = False
nitpicky = False  # names of PyTorch in signatures link nowhere without a network
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath", "amsmath"]
nb_execution_mode = "off"  # they are executed by the tests
default_role = "code"  # of docstrings, which mark code as Markdown does
add_module_names = False
autodoc_typehints = "none"  # signatures have the names and defaults, docstrings the meaning
autodoc_member_order = "bysource"
napoleon_use_ivar = True  # attributes as a list, not as members
html_static_path = ["_static"]
html_css_files = ["site.css"]
copybutton_exclude = ".linenos, .gp, .go"


_BAR = re.compile(r"\|(?=(?:[^`]*`[^`]*`)*[^`]*$)")  # that stands in no code


def _copy_notebooks(*_: object) -> None:
    """Sphinx reads below its own folder alone."""
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        shutil.copy(notebook, DOCS / "tutorials" / notebook.name)


def _as_rst(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Docstrings are written as Markdown: what is set in behind a colon is code or an equation; a bar is a bar."""
    lines[:] = [line if line.startswith("    ") else _BAR.sub(r"\\|", line) for line in lines]
    for number, (line, blank, block) in enumerate(zip(lines, lines[1:], lines[2:], strict=False)):
        indent = len(line) - len(line.lstrip())
        if re.search(r"[^:]:$", line) and not blank.strip() and block.startswith(" " * (indent + 4)):
            lines[number] = f"{line}:"


def setup(app) -> None:
    app.connect("config-inited", _copy_notebooks)
    app.connect("autodoc-process-docstring", _as_rst, priority=400)  # before napoleon
