"""What a `_target_` of one's own config stands for, and in words why it stands for nothing. Imports no torch itself."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from types import ModuleType
from typing import Any

from groundup.borrowed.hydra import locate
from groundup.config.extras import EXTRAS, needs
from groundup.config.normal_form import where_typed
from groundup.config.suggest import nearest
from groundup.errors import UserError

WHERE = "install it (pip install -e .), or add its folder to PYTHONPATH, or type the command in the folder it lies in"


def located(target: str) -> Any:
    """The class or function of this name, imported if need be.

    Raises:
        UserError: there is none; or its module cannot be imported.
    """
    if not all(part.isidentifier() for part in target.split(".")):
        raise UserError("must be the dotted name of a class or a function, such as mypkg.networks.Net")
    find_package(target)
    try:
        found = locate(target)
    except SystemExit as error:
        raise UserError(
            f"importing it ended with exit code {error.code}: a module with parts must not start anything"
        ) from error
    except Exception as error:  # whatever a module raises
        raise UserError(_cause(target, error)) from error
    if not callable(found):
        what = "a module" if isinstance(found, ModuleType) else f"an object of {type(found).__qualname__}"
        raise UserError(f"{what}; accepted: a class or a function")
    return found


def find_package(target: str) -> None:
    """Lets a package that lies in the current directory be imported, if there is no other of its name.

    The directory stands behind all others from then on, so that it hides none of them. A script finds what lies beside
    itself, a command that is installed finds nothing of the kind; this is for whoever types either in a project.
    """
    package, here = target.partition(".")[0], where_typed()
    if here in sys.path or not package.isidentifier() or _is_known(package):
        return
    if importlib.machinery.PathFinder.find_spec(package, [here]) is not None:
        sys.path.append(here)


def _is_known(package: str) -> bool:
    try:
        return package in sys.modules or importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return True


def _cause(target: str, error: Exception) -> str:
    """Why a name stands for nothing, in one line."""
    cause = error.__cause__ or error
    package = target.partition(".")[0]
    if isinstance(cause, ModuleNotFoundError) and cause.name == package:
        if package in EXTRAS:
            return needs(package, EXTRAS[package])
        return f"there is no package {package}: {WHERE}"
    parts = target.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module = sys.modules.get(".".join(parts[:length]))
        if module is not None and _is_about(cause, ".".join(parts[: length + 1])):
            return _not_there(module, parts[length])
    return f"cannot be imported: {type(cause).__name__}: {' '.join(str(cause).split())}"


def _is_about(error: BaseException, name: str) -> bool:
    """Whether an error says that there is no module, or no attribute, of this name, and nothing of what is in it."""
    if isinstance(error, ModuleNotFoundError):
        return error.name == name
    return isinstance(error, AttributeError) and error.name == name.rpartition(".")[2]


def _not_there(module: ModuleType, name: str) -> str:
    public = [key for key in vars(module) if not key.startswith("_")]
    meant = nearest(name, public)
    return f"{module.__name__} has no {name}" + (f"; did you mean {module.__name__}.{meant}?" if meant else "")
