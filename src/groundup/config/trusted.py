"""Whom a user trusts: packages whose parts are built from a directory that anybody may have written. Imports no torch.

They are named by the command, `trust=[mypkg]`, or by the environment, `GROUNDUP_TRUST=mypkg,other`; a run directory has
no say in it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable
from typing import Any, TypeGuard

from groundup.errors import UserError
from groundup.printable import printable

VARIABLE = "GROUNDUP_TRUST"
LONGEST_NAME = 500  # characters; a longer one is there to fill a screen
# What can be done with all that these hold is too much, and their parts are accepted as they are.
LIBRARIES = {
    *("torch", "torchvision", "torchmetrics", "lightning", "lightning_fabric", "lightning_utilities"),
    *("pytorch_lightning", "hydra", "hydra_plugins", "omegaconf", "antlr4", "pydantic", "pydantic_core"),
    *("yaml", "numpy", "scipy", "pandas", "sklearn", "PIL", "matplotlib", "tensorboard", "tqdm", "fsspec"),
    *("joblib", "cloudpickle", "dill", "submitit", "ray", "optuna", "sqlalchemy", "wandb", "mlflow"),
    *("requests", "rich", "IPython", "pip", "setuptools", "pkg_resources", "pytest", "_pytest", "__main__"),
}


def trusted(given: str | Collection[str] | None = None) -> tuple[str, ...]:
    """The packages, modules and single parts, by dotted name, that a command names, and the environment.

    Args:
        given: the value of `trust`; a string is the name of one.

    Raises:
        UserError: one of them is no name, or of a library.
    """
    if not isinstance(given, str | list | tuple | None):
        raise UserError(f"trust={printable(str(given))}: must be a list of packages of yours: trust=[mypkg]")
    names: dict[str, Any] = {f"trust={name}": name for name in ([given] if isinstance(given, str) else given or ())}
    names |= {f"{VARIABLE}={name}": name for name in map(str.strip, os.environ.get(VARIABLE, "").split(",")) if name}
    for place, name in names.items():
        _refuse_what_is_nobodys_own(place, name)
    return tuple(dict.fromkeys(name for name in names.values() if not is_within(name, ("groundup",))))


def _refuse_what_is_nobodys_own(place: str, name: str) -> None:
    if not is_name(name):
        raise UserError(f"{printable(place)}: must be the name of a package of yours: trust=[mypkg]")
    if is_library(name):
        package = name.partition(".")[0]
        raise UserError(
            f"{place}: {package} is no package of yours, and could be made to do anything; accepted: a package whose "
            "parts are your own: trust=[mypkg]"
        )


def is_name(text: object) -> TypeGuard[str]:
    """Whether this may be the dotted name of something in Python."""
    return isinstance(text, str) and len(text) <= LONGEST_NAME and all(part.isidentifier() for part in text.split("."))


def is_library(name: str) -> bool:
    """Whether a dotted name is of Python's own library, or of one that this project stands on."""
    package = name.partition(".")[0]
    return package in sys.stdlib_module_names or package in LIBRARIES


def is_within(name: str, packages: Iterable[str]) -> bool:
    """Whether a dotted name is one of these or lies below it."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)
