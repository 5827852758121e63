"""The resolvers that `conf/` uses: where things are, and where they are written. Imports neither torch nor pydantic."""

from __future__ import annotations

import os
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from groundup.paths import data_root, unique_name

# An environment variable, so that the processes that a launcher starts for a sweep's jobs agree on its directory.
SWEEP_DIR = "GROUNDUP_SWEEP_DIR"


def options(conf: Path, group: str) -> list[str]:
    """The options of a config group, `base` being what they share."""
    return sorted(file.stem for file in (conf / group).glob("*.yaml") if file.stem != "base")


def run_directory(root: Path, cfg: DictConfig) -> Path:
    """The directory of a run of `cfg`: a new one, or the one that `resume` names. Creates nothing.

    Raises:
        UserError: `resume` names what cannot be resumed.
    """
    runs = root / "outputs" / "runs" / f"{cfg.model.name}-{cfg.data.name}"
    if cfg.get("resume") is not None:
        from groundup.config.check import check_words  # rarely needed, and slow to import
        from groundup.run.resume import find_resume

        config = check_words(OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"]))
        if found := find_resume(config, runs):
            return found
    return runs / unique_name()


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
