"""The site: sphinx-build -W docs docs/_build"""

from __future__ import annotations

import shutil
from pathlib import Path

DOCS = Path(__file__).parent
NOTEBOOKS = DOCS.parent / "notebooks"

project = "groundup"
author = "the groundup contributors"
copyright = author  # noqa: A001  # Sphinx's name
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build", "jupyter_execute"]
html_theme = "furo"
html_title = "groundup"
html_show_sphinx = False
nitpicky = False  # names of PyTorch in signatures link nowhere without a network
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath", "amsmath"]
nb_execution_mode = "off"  # they are executed by the tests
autodoc_typehints = "description"
autodoc_member_order = "bysource"
copybutton_exclude = ".linenos, .gp, .go"


def _copy_notebooks(*_: object) -> None:
    """Sphinx reads below its own folder alone."""
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        shutil.copy(notebook, DOCS / "tutorials" / notebook.name)


def setup(app) -> None:
    app.connect("config-inited", _copy_notebooks)
