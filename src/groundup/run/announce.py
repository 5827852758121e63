"""What is said of a run in the terminal and to loggers, before it begins and after it has ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groundup.config.hyperparameters import chosen, hyperparameters
from groundup.loggers.keeper import Beginning, Ending
from groundup.models.summary import summarize
from groundup.run.parts import Parts
from groundup.rundir.plain import write_yaml

log = logging.getLogger(__name__)


def announce(parts: Parts, config: Mapping[str, Any], run_dir: Path) -> None:
    """Layers, directory and config.

    Raises:
        UserError: a logger cannot begin.
    """
    summary = summarize(parts.learner.net, parts.spec)
    log.info(str(summary))
    log.info(f"run directory: {run_dir}")
    texts = {"model/layers": summary.markdown(), "config": f"```yaml\n{write_yaml(dict(config))}```"}
    parts.loggers.begin(Beginning(hyperparameters(config), texts))


def tell_the_end(parts: Parts, config: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    """For the tables of runs that loggers have: settings and figures, however the run ended."""
    shown = {"val/acc": "val/acc_best", "val/loss": "val/loss_best", "test/acc": "test/acc", "test/loss": "test/loss"}
    metrics = {tag: results[name] for name, tag in shown.items() if results[name] is not None}
    of_command = chosen(results["overrides"])
    step = parts.trainer.global_step
    parts.loggers.end(Ending(results["status"], hyperparameters(config), of_command, metrics, step))
