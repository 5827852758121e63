"""Test metrics of a finished run, from its own config and checkpoint."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule, Trainer

from groundup.assemble import accelerator_for, build_learner
from groundup.build import build
from groundup.callbacks.interrupt import StopOnSignal
from groundup.checkpoint import load_weights
from groundup.data.specs import make_spec
from groundup.errors import UserError
from groundup.failures import one_line_cause
from groundup.learning.learner import Learner
from groundup.quiet import quiet
from groundup.rundir import building_from, find_checkpoint, read_config


def evaluate(
    run_dir: Path, ckpt: str = "best", accelerator: str = "auto", data: Mapping[str, Any] | None = None, draws: int = 1
) -> dict[str, Any]:
    """Runs the test split through a run's network.

    Args:
        ckpt: `best`, `last` or a path.
        draws: how often, where predictions depend on random numbers.
        data: data keys to use instead of the run's own, such as `root` where the files have moved.

    Returns:
        `test/acc`, `test/loss`, `test/top5`, `test/f1` and `test/per_class`, the accuracy by class name. Of several
        draws their means, and `test/acc sd` and so on, their sample standard deviations.

    Raises:
        UserError: no such run or checkpoint, or it has no test split.
    """
    config = read_config(run_dir)
    checkpoint = find_checkpoint(run_dir, ckpt)
    options = config["data"] | dict(data or {})
    with quiet(), building_from(run_dir):
        spec = make_spec(options)
        module = build(options, spec=spec, seed=config["seed"])
        learner = build_learner(config, spec)
        trainer = _make_trainer(accelerator_for(config["model"], accelerator), config["trainer"]["precision"], run_dir)
    load_weights(learner, checkpoint)
    if spec.test_size == 0:
        raise UserError(f"run={run_dir}: its data, {spec.name}, has no test split")
    if draws > 1 and not learner.draws_at_inference:
        raise UserError(f"draws={draws}: the predictions of {config['model']['name']} are not random; accepted: 1")
    with quiet(), StopOnSignal():
        every = [_evaluate_draw(trainer, learner, module, draw) for draw in range(draws)]
    per_class = [metrics.pop("test/per_class") for metrics in every]
    mean = {name: statistics.fmean(metrics[name] for metrics in every) for name in every[0]}
    if draws > 1:
        mean |= {f"{name} sd": statistics.stdev(metrics[name] for metrics in every) for name in every[0]}
    return mean | {"test/per_class": {name: statistics.fmean(own[name] for own in per_class) for name in per_class[0]}}


def _evaluate_draw(trainer: Trainer, learner: Learner, data: LightningDataModule, draw: int) -> dict[str, Any]:
    learner.draw = draw
    [metrics] = trainer.test(learner, datamodule=data, verbose=False)
    return {**metrics, "test/per_class": dict(zip(learner.spec.class_names, learner.per_class, strict=True))}


def _make_trainer(accelerator: str, precision: Any, run_dir: Path) -> Trainer:
    try:
        return Trainer(
            accelerator=accelerator,
            devices=1,
            precision=precision,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
    except Exception as error:  # Lightning's own checks, all about these keys
        raise UserError(f"accelerator={accelerator}: {one_line_cause(error, run_dir)}") from error


def write_metrics(metrics: Mapping[str, Any], file: Path) -> None:
    """Writes metrics as JSON.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        file.write_text(json.dumps(metrics, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"out={file}: cannot be written: {error.strerror}") from error
