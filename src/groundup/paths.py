"""Where things are: the checkout, the configs, what a command reads and writes. Imports the standard library alone."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
CONF = _PACKAGE / "conf"


@dataclass(frozen=True)
class Home:
    """Where a command is at home.

    Attributes:
        outputs: the folder that takes runs, sweeps and reports.
        data: where data sets are looked for, and downloaded to, unless `data.root` or `$GROUNDUP_DATA` says otherwise.
        project: the folder whose code is run; None where that is this package's alone.
    """

    outputs: Path
    data: Path
    project: Path | None = None

    @classmethod
    def of_project(cls, folder: Path) -> Home:
        """Of a project: everything is in its folder."""
        return cls(folder / "outputs", folder / "data", folder)

    @classmethod
    def of_nobody(cls) -> Home:
        """Of `groundup`, which is no project's: within this package's checkout that, else the current folder."""
        here, checkout = Path.cwd(), find_checkout()
        if checkout is not None and here.resolve().is_relative_to(checkout):
            return cls.of_project(checkout)
        return cls(here / "outputs", user_cache() / "groundup" / "data")

    def data_root(self) -> str:
        return os.environ.get("GROUNDUP_DATA") or str(self.data)  # set but empty is unset, never the current folder


_settled: Home | None = None


def settle(home: Home) -> None:
    """Makes this the home of what is done in this process from now on."""
    global _settled
    _settled = home


def home() -> Home:
    """Where this process is at home: its command's home, if it is one."""
    return _settled or Home.of_nobody()


def find_checkout() -> Path | None:
    """The checkout that this package is imported from; None where it is installed."""
    folder = _PACKAGE.parents[1]
    is_one = _PACKAGE.parent.name == "src" and (folder / "pyproject.toml").is_file() and (folder / "train.py").is_file()
    return folder if is_one else None


def user_cache() -> Path:
    """Where a user's programs keep what they can make again; see the XDG Base Directory Specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))


def unique_name() -> str:
    """`YYYY-mm-dd_HH-MM-SS-XXXXXX`: sorts by time; six random hex digits keep processes of one second apart."""
    return f"{datetime.now():%Y-%m-%d_%H-%M-%S}-{os.urandom(3).hex()}"


def is_unique_name(name: str) -> bool:
    """Whether a name is one of those."""
    return re.fullmatch(r"\d{4}(-\d\d){2}_\d\d(-\d\d){2}-[0-9a-f]{6}", name) is not None
