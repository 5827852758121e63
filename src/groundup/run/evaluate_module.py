"""What a LightningModule logs of a split, and the figures of what its `forward` answers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.utilities.model_helpers import is_overridden

from groundup.errors import UserError
from groundup.learning.answers import Answered
from groundup.learning.companion import Tested, fractions
from groundup.learning.predictor import probabilities_of
from groundup.run.answers import answering, is_accuracy
from groundup.run.asked import Asked, run_split
from groundup.run.failures import one_line_cause
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)


def evaluate_module(
    trainer: Trainer, module: LightningModule, data: LightningDataModule, seed: int, spec: DatasetSpec, asked: Asked
) -> dict[str, Any]:
    """What a LightningModule logs of the split."""
    if asked.split == "train":
        raise UserError(
            f"split=train: {type(module).__name__} is a LightningModule, which trains on it; accepted: val, test"
        )
    step = "validation_step" if asked.split == "val" else "test_step"
    if not is_overridden(step, module):
        raise UserError(f"model: {type(module).__name__} has no {step}, so nothing can be tested")
    evaluation = Tested(seed)
    trainer.callbacks.append(evaluation)  # type: ignore[attr-defined]
    found = run_split(trainer, module, data, asked)
    metrics = fractions(evaluation.tested if asked.split == "test" else evaluation.own("val", found), set())
    if not metrics and asked.keep is None:  # it tests by nothing that answers could be held against
        return metrics
    try:
        answers = _answers_of(trainer, module, data, asked, metrics)
    except UserError as error:
        if asked.keep is not None:
            raise
        log.info(f"no figures of probabilities: {error}")
        return metrics
    asked.hand_on(answers, spec, data)
    of_answers = answers.figures if answers else {}
    return {f"{asked.split}/{name}": value for name, value in of_answers.items()} | metrics  # it may log its own


def _answers_of(
    trainer: Trainer, module: LightningModule, data: LightningDataModule, asked: Asked, metrics: Mapping[str, Any]
) -> Answered | None:
    """Raises: UserError: its `forward` does not give the answers that it is evaluated by."""
    asks = answering(module)
    try:
        run_split(trainer, asks, data, asked)
    except UserError:
        raise
    except Exception as error:  # of any kind: a forward may be for something else
        raise UserError(f"{asked.name}: {one_line_cause(error, Path())}") from error
    answers = asks.answers.read(probabilities_of)
    if not is_accuracy(answers, metrics.get(f"{asked.split}/acc"), asked.split):
        raise UserError(f"{asked.name}: {type(module).__name__} does not evaluate by its forward")
    return answers
