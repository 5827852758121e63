"""Trains a model on a data set: `groundup train model=cnn data=cifar10`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from groundup.command.frame import Command

if TYPE_CHECKING:
    from groundup.callbacks.prune import Judge
    from groundup.config.check import Checked


def train(cfg: DictConfig) -> dict[str, Any]:
    # Not at the top: help, a misspelt key or a wrong value is answered before torch is imported.
    from groundup.config.check import check_run

    hydra, checked = HydraConfig.get(), check_run(cfg)
    run_dir = Path(hydra.runtime.output_dir)
    return start(checked, run_dir, list(hydra.overrides.task), _judge(hydra, checked.config, run_dir))


def _judge(hydra: Any, config: Mapping[str, Any], run_dir: Path) -> Judge | None:
    """Of a trial of a study that gives trials up, see `groundup.sweep.frozen`."""
    if not ("pruning" in hydra.sweep and hydra.sweep.pruning):
        return None
    from groundup.rundir.folders import number_of
    from groundup.sweep.pruning import Court

    court, number = Court.of_job(hydra, config), number_of(run_dir.name)  # launchers count `hydra.job.num` their way
    assert number is not None, "a job's directory begins with its number"
    return partial(court.judge, number)


def start(checked: Checked, run_dir: Path, overrides: list[str], judge: Judge | None = None) -> dict[str, Any]:
    """Begins, or goes on with, the run of a checked config: see `groundup.run.run.run`."""
    from groundup.run.resume import begins_alone, resume_checkpoint

    config, spec = checked
    checkpoint = resume_checkpoint(config, run_dir)

    with begins_alone(config, run_dir):
        from groundup.run.run import run

        return run(config, run_dir, checkpoint, overrides, spec, judge)


main = Command("train", train).run
