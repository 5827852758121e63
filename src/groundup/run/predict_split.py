"""Classes of the images that a run's own data has, beside those that they are of."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import LightningDataModule

from groundup.data.module import ImageData
from groundup.errors import UserError
from groundup.learning.answers import Answered
from groundup.run.asked import Asked
from groundup.run.classified import NO_NUMBER, Prediction
from groundup.run.evaluate import evaluate_as_asked
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)


def predict_split(
    run_dir: Path,
    split: str,
    ckpt: str = "best",
    top: int = 1,
    trust: Collection[str] = (),
    data: Mapping[str, Any] | None = None,
    accelerator: str = "auto",
) -> Iterator[Prediction]:
    """Classifies the images of a split, as `groundup.run.evaluate.evaluate` does, and says how many are right.

    Args:
        run_dir: of the run.
        split: `train`, `val` or `test`, as the run has cut them; training images are not augmented.
        ckpt: `best`, `last` or a path.
        top: how many classes an image.
        trust: as there.
        data: as there.
        accelerator: as there.

    Returns:
        A prediction for each image, in the order of the split; `image` is its file, where it has one.

    Raises:
        UserError: as there; or the network, or its loss, gives no probabilities.
    """
    found: list[tuple[Answered, DatasetSpec, tuple[str, ...] | None]] = []

    def keep(answers: Answered, spec: DatasetSpec, module: LightningDataModule) -> None:
        images = module.splits[split] if isinstance(module, ImageData) else None
        found.append((answers, spec, None if images is None else images.files))

    evaluate_as_asked(run_dir, ckpt, accelerator, data or {}, trust, Asked(split, name=f"split={split}", keep=keep))
    if not found:
        raise UserError(f"split={split}: the network gives no answers to its images one by one; see evaluate.py")
    answers, spec, files = found[0]
    if answers.logs is None:
        raise UserError(
            f"split={split}: the loss of the run gives no probabilities; the classes alone are had by "
            f"evaluate.py split={split} predictions=FILE.npz"
        )
    log.info(f"{split}/acc {answers.right.mean():.4f}: {answers.right.sum():,} of {len(answers.right):,} are right")
    return _predictions(answers, spec, files, min(top, spec.num_classes))


def _predictions(answers: Answered, spec: DatasetSpec, files: tuple[str, ...] | None, top: int) -> Iterator[Prediction]:
    assert answers.logs is not None, "the caller has seen to it"
    names = spec.class_names
    for number, (true, predicted, logs) in enumerate(zip(answers.true, answers.predicted, answers.logs, strict=True)):
        image = None if files is None else Path(files[number])
        if not np.isfinite(np.exp(logs)).all():
            yield Prediction(image, number=number, true=names[true], error=NO_NUMBER)
            continue
        others = np.arange(len(names)) != predicted
        best = np.lexsort((-logs, others))[
            :top
        ]  # of equal probabilities, as where all are 0, the predicted comes first
        shown = tuple(names[c] for c in best), tuple(float(p) for p in np.exp(logs[best]))
        yield Prediction(image, *shown, number=number, true=names[true])
