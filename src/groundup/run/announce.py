"""What is said of a run in the terminal and in TensorBoard, before it begins and after it has ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger

from groundup.config.hyperparameters import chosen, hyperparameters
from groundup.loggers.tensorboard import log_hparams
from groundup.models.summary import summarize
from groundup.run.parts import Parts
from groundup.rundir.plain import write_yaml

log = logging.getLogger(__name__)


def announce(parts: Parts, config: Mapping[str, Any], run_dir: Path, begins: bool) -> None:
    """Layers, directory and config; TensorBoard has the first and last of a run that goes on already."""
    summary = summarize(parts.learner.net, parts.spec)
    log.info(str(summary))
    log.info(f"run directory: {run_dir}")
    for logger in parts.trainer.loggers if begins else ():
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_text("model/layers", summary.markdown())
            logger.experiment.add_text("config", f"```yaml\n{write_yaml(dict(config))}```")


def log_final_hparams(parts: Parts, config: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    """For TensorBoard's table of runs: settings and figures, however the run ended."""
    params = {"status": results["status"]} | hyperparameters(config)
    shown = {"val/acc": "val/acc_best", "val/loss": "val/loss_best", "test/acc": "test/acc", "test/loss": "test/loss"}
    metrics = {tag: results[name] for name, tag in shown.items() if results[name] is not None}
    for logger in parts.trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            log_hparams(logger, params, chosen(results["overrides"]), metrics, parts.trainer.global_step)
