"""The site: sphinx-build -W docs docs/_build"""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

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
highlight_language = "text"  # of blocks that name none: what a command prints, equations
nitpicky = False  # names of PyTorch in signatures link nowhere without a network
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath", "amsmath"]
html_math_renderer = "mathml"  # which browsers draw themselves: no script from elsewhere, so that it works from disk
nb_execution_mode = "off"  # they are executed by the tests
default_role = "code"  # of docstrings, which mark code as Markdown does
add_module_names = False
autodoc_typehints = "none"  # signatures have the names and defaults, docstrings the meaning
autodoc_member_order = "bysource"
napoleon_use_ivar = True  # attributes as a list, not as members
html_static_path = ["_static"]
html_css_files = ["site.css"]
copybutton_exclude = ".linenos, .gp, .go"


_MATHML = "{http://www.w3.org/1998/Math/MathML}"
ElementTree.register_namespace("", _MATHML.strip("{}"))
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


def _mathml(text: str, as_block: bool) -> str:
    """A formula of LaTeX by docutils: without commands that it does not know, and with indices where they belong."""
    for command, known in {"dots": r"\\ldots", "texttt": r"\\mathtt", "big": ""}.items():
        text = re.sub(rf"\\{command}(?![a-z])", known, text)
    text = re.sub(r"(\\[td]?frac)(\d)(\d)", r"\1{\2}{\3}", text)
    markup = tex2mathml(text, as_block=as_block)
    markup = re.sub(r"&(?!(?:lt|gt|amp);)\w+;", lambda found: html.unescape(found[0]), markup)
    root = ElementTree.fromstring(markup)
    for node in [*root.iter()]:
        kind = node.tag.removeprefix(_MATHML)
        if kind == "munderover" and node[2].get("stretchy") == "false":  # an accent and an index: index beside
            letter, index, accent = node
            accented = ElementTree.Element(f"{_MATHML}mover")
            accented[:] = [letter, accent]
            node.tag, node[:] = f"{_MATHML}msub", [accented, index]
        elif kind == "msub" and node[0].tag == f"{_MATHML}munder":  # what a brace is of: below it
            node.tag = f"{_MATHML}munder"
    return ElementTree.tostring(root, encoding="unicode")


def _write_formula(translator, node: nodes.math | nodes.math_block) -> None:
    translator.body.append(_mathml(node.astext(), as_block=isinstance(node, nodes.math_block)))
    raise nodes.SkipNode


def setup(app) -> None:
    app.add_html_math_renderer("mathml", (_write_formula, None), (_write_formula, None))
    app.connect("config-inited", _copy_notebooks)
    app.connect("autodoc-process-docstring", _as_rst, priority=400)  # before napoleon
