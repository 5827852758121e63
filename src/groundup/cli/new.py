"""A project of one's own to start from: `groundup new DIR [NAME]`. No torch."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from string import Template

import groundup
from groundup.command.frame import BAD_REQUEST, say
from groundup.command.place import Place
from groundup.command.tell import tell
from groundup.errors import UserError

TEMPLATES = Path(__file__).parent / "project"
SUFFIX = ".template"
SPELLED = {"package": "$name", "github": ".github", "gitignore": ".gitignore"}  # names that are other ones there
TAKEN = (
    *("groundup", "hydra_plugins", "conf", "data", "outputs", "tests"),
    *("train", "evaluate", "predict", "export", "report", "measure"),
)
HELP = """groundup: a project of your own to start from: a network, a data set and a callback, with configs and tests.

  Commands
    groundup new DIR           the package has the name of the folder
    groundup new DIR NAME      the package is called NAME

  DIR is a folder that is empty or not there yet. NAME is the name of a Python package.
"""


def main(place: Place, words: Sequence[str]) -> None:
    """Ends the process with 2 where the request cannot be met."""
    if any(word in ("-h", "--help") for word in words):
        tell(HELP)
        return
    try:
        folder, name = parse(words)
        write(folder, name)
    except UserError as error:
        say(str(error))
        sys.exit(BAD_REQUEST)
    tell(f"{folder}: a project, with the package {name}\n")
    tell(f'  cd {folder}\n  pip install -e ".[dev]"')
    tell("  python train.py         its own network on its own data, a few seconds")
    tell("  pytest                  its tests\n\nREADME.md says more.")


def parse(words: Sequence[str]) -> tuple[Path, str]:
    """The folder and the name of the package.

    Raises:
        UserError: there are none, or they will not do.
    """
    if option := next((word for word in words if word.startswith("-")), None):
        raise UserError(f"{option}: unknown option; accepted: groundup new DIR [NAME]")
    if not 1 <= len(words) <= 2:
        raise UserError(f"groundup new {' '.join(words)}".rstrip() + ": accepted: groundup new DIR [NAME]")
    folder = Path(words[0]).expanduser().absolute()
    _refuse_used_folder(folder)
    name = words[1] if len(words) == 2 else folder.resolve().name.replace("-", "_")
    _refuse_bad_name(name)
    return folder, name


def write(folder: Path, name: str) -> None:
    """Writes the project.

    Raises:
        UserError: the disk will not have it.
    """
    values = {"name": name, "version": groundup.__version__}
    try:
        for template in sorted(TEMPLATES.rglob(f"*{SUFFIX}")):
            parts = template.relative_to(TEMPLATES).with_suffix("").parts
            path = folder.joinpath(*(Template(SPELLED.get(part, part)).substitute(values) for part in parts))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template(template.read_text(encoding="utf-8")).substitute(values), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder}: cannot be written: {error.strerror or error}; accepted: another folder") from error


def _refuse_used_folder(folder: Path) -> None:
    try:
        is_empty = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; accepted: a folder of your own") from error
    if not is_empty:
        what = "holds files already" if folder.is_dir() else "is a file"
        raise UserError(f"{folder}: {what}; accepted: an empty folder, or one that is not there yet")


def _refuse_bad_name(name: str) -> None:
    """The name of a package that can be imported, be published, and hides nobody else's."""
    hint = "name the package: groundup new DIR NAME"
    if not re.fullmatch(r"[A-Za-z](\w*[A-Za-z0-9])?", name, flags=re.ASCII):
        raise UserError(f"{name}: no name of a package; accepted: letters, digits and _, a letter first; {hint}")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UserError(f"{name}: a word of Python's own; {hint}")
    if name.lower() in TAKEN:
        raise UserError(f"{name}: the project has something else of that name; {hint}")
    if name in sys.stdlib_module_names or _is_installed(name):
        raise UserError(f"{name}: there is a module of that name, which yours would hide; {hint}")


def _is_installed(name: str) -> bool:
    found = importlib.util.find_spec(name)
    if found is None:
        return False
    folders = found.submodule_search_locations or []  # of a folder without __init__.py it knows nothing else
    return found.origin is not None or any(Path(folder).parent != Path.cwd() for folder in folders)
