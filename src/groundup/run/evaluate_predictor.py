"""Metrics of a network that learns our way; of one whose predictions are random, means over several draws."""

from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from lightning.pytorch import LightningDataModule, Trainer

from groundup.callbacks.interrupt import StopOnSignal
from groundup.config.rooms import options_of
from groundup.data.classes import listed
from groundup.learning.continued import SeededEvaluation
from groundup.learning.metrics import recalls, share
from groundup.learning.predictor import Predictor
from groundup.run import kinds
from groundup.run.asked import Asked, run_split
from groundup.run.learners import NO_MEAN
from groundup.run.quiet import quiet
from groundup.run.trials import answers_at_random
from groundup.rundir.figure import deviation
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)


def evaluate_predictor(
    trainer: Trainer, predictor: Predictor, module: LightningDataModule, seed: int, asked: Asked
) -> dict[str, Any]:
    if not kinds.is_mean_over_images(predictor.loss, predictor.spec.num_classes):
        log.warning(NO_MEAN)
    trainer.callbacks.append(SeededEvaluation(seed))  # type: ignore[attr-defined]
    with quiet(), StopOnSignal():
        every = [_evaluate_draw(trainer, predictor, module, draw, asked) for draw in range(asked.draws)]
    _say_what_is_absent(predictor, asked.split)
    return every[0] if asked.draws == 1 else _means(every, predictor.spec.class_names, asked.split)


def is_random(predictor: Predictor, model: Mapping[str, Any], spec: DatasetSpec) -> bool:
    """Whether predictions depend on random numbers: a network of ours says so, another one is asked twice."""
    is_ours = options_of("model", model) is not None
    return predictor.draws_at_inference or (not is_ours and answers_at_random(predictor, spec))


def _evaluate_draw(
    trainer: Trainer, predictor: Predictor, data: LightningDataModule, draw: int, asked: Asked
) -> dict[str, Any]:
    predictor.draw = draw
    split, as_split = asked.split, asked.evaluates_as
    found = run_split(trainer, predictor, data, asked)
    metrics = {f"{split}{name.removeprefix(as_split)}": value for name, value in found.items()}
    answers = predictor.test_answers if as_split == "test" else predictor.read_answers("val", predictor.answers)
    if answers is not None:
        metrics |= {f"{split}/{name}": value for name, value in answers.figures.items()}
    if draw == 0:
        asked.hand_on(answers, predictor.spec, data)
    per_class = dict(zip(predictor.spec.class_names, predictor.evaluated.per_class, strict=True))
    return metrics | {f"{split}/per_class": per_class, f"{split}/confusion": predictor.evaluated.confusion.tolist()}


def _say_what_is_absent(predictor: Predictor, split: str) -> None:
    absent = [
        name
        for name, value in zip(predictor.spec.class_names, predictor.evaluated.per_class, strict=True)
        if math.isnan(value)
    ]
    if absent:
        log.warning(f"no {split} images of {listed(absent)}: they have no accuracy and are in no mean")


def _means(every: list[dict[str, Any]], classes: Sequence[str], split: str) -> dict[str, Any]:
    """Of the metrics of several draws, at least two."""
    confusion = np.sum([metrics[f"{split}/confusion"] for metrics in every], axis=0)
    images = int(confusion.sum()) // len(every)
    values = {
        name: [metrics[name] for metrics in every] for name, value in every[0].items() if isinstance(value, float)
    }
    mean: dict[str, Any] = {name: _mean(of_draws, images) for name, of_draws in values.items()}
    mean |= {f"{name} sd": deviation(of_draws) for name, of_draws in values.items()}
    per_class = dict(zip(classes, recalls(confusion), strict=True))
    return mean | {f"{split}/per_class": per_class, f"{split}/confusion": confusion.tolist()}


def _mean(values: Sequence[float], images: int) -> float:
    """Of shares of so many images, as accuracy is, a quotient of whole numbers again; no digit is lost by rounding."""
    counts = [round(value * images) if math.isfinite(value) else 0 for value in values]
    if all(share(count, images) == value for count, value in zip(counts, values, strict=True)):
        return sum(counts) / (images * len(values))
    return statistics.fmean(values)
