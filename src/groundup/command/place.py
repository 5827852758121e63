"""From where a command is given: a script of a project, or the console. No torch."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from groundup.command.resolvers import register
from groundup.paths import CONF, Home, settle

TRUST = "GROUNDUP_TRUST"


@dataclass(frozen=True)
class Place:
    """From where a command is given.

    Attributes:
        home: where it reads and writes.
        confs: the folders of configs, the first asked first.
        spelling: of a command, its name in the place of `{}`.
        config: the name of a command's config; None: as the command.
        trust: packages whose parts may be built from what a run directory says, besides those that are named in words.
    """

    home: Home
    confs: tuple[Path, ...]
    spelling: str
    config: str | None = None
    trust: tuple[str, ...] = ()

    @classmethod
    def of_script(cls, file: str | os.PathLike[str], config: str | None = None, trust: Iterable[str] = ()) -> Place:
        """A script in a project's folder: its `conf/`, where there is one, comes before the package's."""
        folder = Path(file).resolve().parent
        own = folder / "conf"
        confs = (own,) if _is_same(own, CONF) else (own, CONF) if own.is_dir() else (CONF,)
        return cls(Home.of_project(folder), confs, "python {}.py", config, names(trust))

    @classmethod
    def of_console(cls) -> Place:
        """`groundup`, in whatever folder."""
        return cls(Home.of_nobody(), (CONF,), "groundup {}")

    def with_folder(self, folder: str | None) -> Place:
        """With a folder of configs that is asked before all others, where there is one of that name."""
        if not folder or not Path(folder).is_dir():
            return self
        return replace(self, confs=(Path(folder).resolve(), *self.confs))

    def spell(self, command: str) -> str:
        """How a command is typed from here: `python train.py`, `groundup train`."""
        return self.spelling.format(command)

    @property
    def beside(self) -> Path:
        """What a relative `--config-path` is relative to: the script's folder, as of every Hydra command."""
        return self.home.project or Path.cwd()

    def config_file(self, name: str) -> Path:
        """The file of a config by its name; where there is none, where the package's own would be."""
        files = [folder / f"{name}.yaml" for folder in self.confs]
        return next((file for file in files if file.is_file()), files[-1])

    def settle(self) -> None:
        """Makes this process, and those that it starts, one of a command from here, which finds the project's parts."""
        settle(self.home)
        register(self.home, self.spelling)
        trust(self.trust)
        project = str(self.home.project)
        if self.home.project is not None and project not in sys.path:
            sys.path.insert(0, project)  # in a process that a launcher started: of a script Python does it


def trust(packages: Iterable[str]) -> None:
    """Trusts these packages, or the one that a string names, too, in this process and in those that it starts."""
    named = [*filter(None, os.environ.get(TRUST, "").split(",")), *names(packages)]
    if named:
        os.environ[TRUST] = ",".join(dict.fromkeys(named))


def names(packages: Iterable[str]) -> tuple[str, ...]:
    """A string is the name of one."""
    return (packages,) if isinstance(packages, str) else tuple(packages)


def _is_same(one: Path, other: Path) -> bool:
    return one.exists() and one.samefile(other)
