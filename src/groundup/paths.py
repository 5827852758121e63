"""Where things are written: the resolvers that `conf/` uses. Imports neither torch nor pydantic."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from groundup.run.resume import run_directory

# An environment variable, so that the processes that a launcher starts for a sweep's jobs agree on its directory.
SWEEP_DIR = "GROUNDUP_SWEEP_DIR"
PROJECT = Path(__file__).resolve().parents[2]  # the checkout


def unique_name() -> str:
    """`YYYY-mm-dd_HH-MM-SS-XXXXXX`: sorts by time; six random hex digits keep processes of one second apart."""
    return f"{datetime.now():%Y-%m-%d_%H-%M-%S}-{os.urandom(3).hex()}"


def is_unique_name(name: str) -> bool:
    """Whether a name is one of those."""
    return re.fullmatch(r"\d{4}(-\d\d){2}_\d\d(-\d\d){2}-[0-9a-f]{6}", name) is not None


def data_root(root: Path) -> str:
    """Where data sets are looked for, and downloaded to, unless `data.root` says otherwise."""
    return os.environ.get("GROUNDUP_DATA") or str(root / "data")  # set but empty is unset, never the current folder


def options(conf: Path, group: str) -> list[str]:
    """The options of a config group, `base` being what they share."""
    return sorted(file.stem for file in (conf / group).glob("*.yaml") if file.stem != "base")


def register_resolvers(root: Path) -> None:
    """Registers `project_path`, `data_root`, `options`, `run_dir` and `sweep_dir`; `root` is the folder of `conf/`.

    `run_dir` gives one directory until the resolvers are registered anew: Hydra and Lightning ask several times.
    """
    resume_or_new = None

    def run_dir(*, _root_: DictConfig) -> str:
        nonlocal resume_or_new
        if any(OmegaConf.select(_root_, key) is None for key in ("model.name", "data.name")):
            # OmegaConf asks while it merges the parts of the config; and a request without a model is refused later.
            return str(root / "outputs" / "runs" / unique_name())
        resume_or_new = resume_or_new or str(run_directory(root, _root_))
        return resume_or_new

    def sweep_dir() -> str:
        return os.environ.setdefault(SWEEP_DIR, str(root / "outputs" / "sweeps" / unique_name()))

    def register(name, resolver):
        OmegaConf.register_new_resolver(name, resolver, replace=True)

    register("project_path", lambda path: str(root / path))
    register("data_root", lambda: data_root(root))
    register("options", lambda group: " ".join(options(root / "conf", group)) or "(none)")
    register("run_dir", run_dir)
    register("sweep_dir", sweep_dir)
