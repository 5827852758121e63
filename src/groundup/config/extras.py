"""Optional packages: the extra that installs each of them, and the message if one is missing.

Imports none of them: it checks that a package is there before anything is written.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from groundup.errors import UserError

EXTRAS = {  # by what is imported
    "torchvision": "vision",
    "timm": "timm",
    "safetensors": "timm",
    "torchdiffeq": "ode",
    "optuna": "sweeps",
    "wandb": "wandb",
    "mlflow": "mlflow",
}
LAUNCHERS = {  # of Hydra's plugins, by the option of `hydra/launcher`: what to install, and the extra
    "joblib": ("hydra-joblib-launcher", "sweeps"),
    "submitit_local": ("hydra-submitit-launcher", "sweeps"),
    "submitit_slurm": ("hydra-submitit-launcher", "sweeps"),
    "ray": ("hydra-ray-launcher", "ray"),
}


def refuse_without(package: str, asked: str) -> None:
    """Looks whether a package of `EXTRAS` is installed.

    Raises:
        UserError: it is not; the message says what `asked` for it and what to type.
    """
    if not is_installed(package):
        raise UserError(not_installed(asked, package, EXTRAS[package]))


def is_installed(package: str) -> bool:
    """Whether a package could be imported; it is not."""
    return find_spec(package) is not None


def exit_without(error: ModuleNotFoundError, extra: str) -> NoReturn:
    """Ends a script, one beside the package, that could not import what an extra brings."""
    print(f"error: {not_installed(Path(sys.argv[0]).name, str(error.name), extra)}", file=sys.stderr)
    raise SystemExit(2)


def not_installed(asked: str, package: str, extra: str) -> str:
    """The command is right for a checkout too: pip takes the groundup that is there, and adds what the extra names."""
    return f"{asked}: {needs(package, extra)}"


def needs(package: str, extra: str) -> str:
    """What `not_installed` says, without what asked for it."""
    return f'needs {package}, which is not installed: pip install "groundup[{extra}]"'
