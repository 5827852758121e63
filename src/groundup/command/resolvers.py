"""The resolvers that `conf/` uses: where things are, and where they are written. Imports neither torch nor pydantic."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from groundup.command.config_files import folders_of
from groundup.paths import Home, unique_name

# An environment variable, so that the processes that a launcher starts for a sweep's jobs agree on its directory.
SWEEP_DIR = "GROUNDUP_SWEEP_DIR"


def options(conf: Path, group: str) -> list[str]:
    """The options of a config group, `base` being what they share."""
    return sorted(file.stem for file in (conf / group).glob("*.yaml") if file.stem != "base")


def _options_in_reach(group: str, *, _root_: DictConfig) -> str:
    """Likewise, of all folders that the command looks for configs in, those of `hydra.searchpath` too."""
    found = set(GlobalHydra.instance().config_loader().get_group_options(group))
    if OmegaConf.select(_root_, "hydra.runtime.config_sources") is not None:
        found |= {option for folder in folders_of(_root_.hydra) for option in options(folder, group)}
    return " ".join(sorted(found - {"base"})) or "(none)"


def run_directory(home: Home, cfg: DictConfig) -> Path:
    """The directory of a run of `cfg`: a new one, or the one that `resume` names. Creates nothing.

    Raises:
        UserError: `resume` names what cannot be resumed.
    """
    runs = home.outputs / "runs" / f"{cfg.model.name}-{cfg.data.name}"
    if cfg.get("resume") is not None:
        from groundup.config.check import check_words  # rarely needed, and slow to import
        from groundup.run.resume import find_resume

        config = check_words(OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"]))
        if found := find_resume(config, runs):
            return found
    return runs / unique_name()


def register_resolvers(folder: Path) -> None:
    """Those of the scripts of a project, for whoever composes its configs without a command."""
    register(Home.of_project(folder), "python {}.py")


def register(home: Home, spelling: str) -> None:
    """Registers `project_path`, `data_root`, `options`, `command`, `run_dir` and `sweep_dir`.

    `run_dir` gives one directory until the resolvers are registered anew: Hydra and Lightning ask several times.

    Args:
        home: where the command is at home.
        spelling: of a command, its name in the place of `{}`.
    """
    resume_or_new = None

    def run_dir(*, _root_: DictConfig) -> str:
        nonlocal resume_or_new
        if any(OmegaConf.select(_root_, key) is None for key in ("model.name", "data.name")):
            # OmegaConf asks while it merges the parts of the config; and a request without a model is refused later.
            return str(home.outputs / "runs" / unique_name())
        resume_or_new = resume_or_new or str(run_directory(home, _root_))
        return resume_or_new

    resolvers: dict[str, Callable[..., str]] = {
        "project_path": lambda path: str((home.project or Path.cwd()) / path),
        "data_root": home.data_root,
        "options": _options_in_reach,
        "command": spelling.format,
        "run_dir": run_dir,
        "sweep_dir": lambda: os.environ.setdefault(SWEEP_DIR, str(home.outputs / "sweeps" / unique_name())),
    }
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)
