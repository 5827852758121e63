"""Trains a model on a data set: `groundup train model=cnn data=cifar10`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from groundup.command.frame import Command


def train(cfg: DictConfig) -> dict[str, Any]:
    # Not at the top: help, a misspelt key or a wrong value is answered before torch is imported.
    from groundup.config.check import check_run
    from groundup.run.resume import begins_alone, resume_checkpoint

    config, spec = check_run(cfg)
    run_dir = Path(HydraConfig.get().runtime.output_dir)
    checkpoint = resume_checkpoint(config, run_dir)

    with begins_alone(config, run_dir):
        from groundup.run.run import run

        return run(config, run_dir, checkpoint, list(HydraConfig.get().overrides.task), spec)


main = Command("train", train).run
