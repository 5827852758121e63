"""Trains a model on a data set: `groundup train model=cnn data=cifar10`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from groundup.command.frame import Command

if TYPE_CHECKING:
    from groundup.config.check import Checked


def train(cfg: DictConfig) -> dict[str, Any]:
    # Not at the top: help, a misspelt key or a wrong value is answered before torch is imported.
    from groundup.config.check import check_run

    run_dir = Path(HydraConfig.get().runtime.output_dir)
    return start(check_run(cfg), run_dir, list(HydraConfig.get().overrides.task))


def start(checked: Checked, run_dir: Path, overrides: list[str]) -> dict[str, Any]:
    """Begins, or goes on with, the run of a checked config: see `groundup.run.run.run`."""
    from groundup.run.resume import begins_alone, resume_checkpoint

    config, spec = checked
    checkpoint = resume_checkpoint(config, run_dir)

    with begins_alone(config, run_dir):
        from groundup.run.run import run

        return run(config, run_dir, checkpoint, overrides, spec)


main = Command("train", train).run
