"""What is said of a run in the terminal and to loggers, before it begins and after it has ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from groundup.config.hyperparameters import chosen, hyperparameters
from groundup.config.rooms import options_of
from groundup.loggers.keeper import Beginning, Ending
from groundup.models.summary import ModelSummary, summarize
from groundup.run.parts import Parts
from groundup.rundir.names import BEST, LAST
from groundup.rundir.plain import write_yaml
from groundup.rundir.table import OF_A_MODULE

log = logging.getLogger(__name__)


def announce(parts: Parts, config: Mapping[str, Any], run_dir: Path) -> ModelSummary:
    """Layers, directory and config; gives the layers.

    Raises:
        UserError: a logger cannot begin.
    """
    summary = _summary(parts, is_ours=options_of("model", config["model"]) is not None)
    log.info(str(summary))
    log.info(f"run directory: {run_dir}")
    texts = {"model/layers": summary.markdown(), "config": f"```yaml\n{write_yaml(dict(config))}```"}
    parts.loggers.begin(Beginning(hyperparameters(config), texts))
    return summary


def _summary(parts: Parts, is_ours: bool) -> ModelSummary:
    try:
        return summarize(parts.course.net, parts.spec)
    except Exception:  # of any kind: a forward may be for something else, or not there, or want more than one image
        if is_ours:
            raise
        return summarize(parts.course.net, None)


def tell_the_end(parts: Parts, config: Mapping[str, Any], run_dir: Path, results: Mapping[str, Any]) -> None:
    """For the tables of runs that loggers have: settings and figures, however the run ended."""
    metrics = final_metrics(results)
    of_command = chosen(results["overrides"])
    step = parts.trainer.global_step
    checkpoint = _as_lightnings(parts) if results["status"] == "finished" else None
    ending = Ending(results["status"], hyperparameters(config), of_command, metrics, step, run_dir, checkpoint)
    parts.loggers.end(ending)


def final_metrics(results: Mapping[str, Any]) -> dict[str, float]:
    """By tag, what a run came to: what the project measures, and what a module logs by names of its own.

    A tag is a figure's name; of validation `_best` is added, for the name itself is that of a curve.
    """
    own = [name for name in results if OF_A_MODULE.match(name)]
    names = ["val/acc", "test/acc", "val/loss", "test/loss", *own]
    found = {name: value for name in names if isinstance(value := results.get(name), int | float)}  # NaN is one, too
    return {name if name.startswith("test") else f"{name}_best": value for name, value in found.items()}


def _as_lightnings(parts: Parts) -> ModelCheckpoint | None:
    """What loggers with `log_model` ask the callback about that saves checkpoints: ours is none of Lightning's."""
    ours = parts.checkpoints
    if ours is None or ours.best is None:
        return None
    folder = ours.folder(parts.trainer)
    told = ModelCheckpoint(monitor=ours.monitor, mode=ours.mode, save_last=True)
    told.best_model_path, told.last_model_path = str(folder / BEST.name), str(folder / LAST.name)
    told.best_model_score = None if ours.best.score is None else torch.tensor(ours.best.score)
    told.current_score = told.best_model_score
    return told
