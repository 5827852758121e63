"""Precision against recall."""

from __future__ import annotations

import numpy as np
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from torch import Tensor

from groundup.callbacks.evaluation_watcher import EvaluationWatcher
from groundup.callbacks.watcher import is_tensorboard, writers
from groundup.learning.learner import Learner

THRESHOLDS = 127
POOLED = "all classes"


class PRCurves(EvaluationWatcher):
    """PR curves `pr_val/CLASS` and `pr_test/CLASS`, and `all classes`, every class against the rest, pooled.

    Args:
        classes: that have a curve of their own, the first ones.
        every_n_epochs: see `EvaluationWatcher`.
    """

    shown_by = staticmethod(is_tensorboard)

    def __init__(self, classes: int = 20, every_n_epochs: int = 5):
        super().__init__(every_n_epochs)
        self.classes = classes

    def begin(self, learner: Learner) -> None:
        size = learner.spec.num_classes * THRESHOLDS
        # by class and score: of all images, and of those of the class
        self._all, self._own = (torch.zeros(size, dtype=torch.int64, device=learner.device) for _ in range(2))

    def see(self, learner: Learner, images: Tensor, target: Tensor, logits: Tensor) -> None:
        scores = learner.probabilities(logits).float().nan_to_num(0).clamp(0, 1)
        cells = (scores * (THRESHOLDS - 1)).long()
        cells += THRESHOLDS * torch.arange(scores.shape[1], device=scores.device)
        own = cells.gather(1, target[:, None]).flatten()
        self._all.scatter_add_(0, cells.flatten(), torch.ones_like(cells).flatten())
        self._own.scatter_add_(0, own, torch.ones_like(own))

    def show(self, trainer: Trainer, learner: Learner, split: str, step: int) -> None:
        counts = [trainer.strategy.reduce(count, reduce_op="sum") for count in (self._all, self._own)]
        every, own = (count.view(-1, THRESHOLDS).cpu().numpy() for count in counts)  # type: ignore[union-attr]
        curves = {f"pr_{split}/{POOLED}": curve(every.sum(axis=0), own.sum(axis=0))}
        for number, name in enumerate(learner.spec.class_names[: self.classes]):
            curves[f"pr_{split}/{name}"] = curve(every[number], own[number])
        for writer in writers(trainer):
            for tag, (tp, fp, tn, fn, precision, recall) in curves.items():
                writer.add_pr_curve_raw(tag, tp, fp, tn, fn, precision, recall, step, THRESHOLDS)


def curve(every: NDArray[np.int64], own: NDArray[np.int64]) -> list[NDArray]:
    """True and false positives, true and false negatives, precision and recall at each threshold.

    Args:
        every: `(T,)`, images by score; a score of the t-th bin reaches the thresholds 0..t.
        own: likewise, of those that are of the class.
    """
    true_positives = own[::-1].cumsum()[::-1]
    false_positives = (every - own)[::-1].cumsum()[::-1]
    false_negatives = own.sum() - true_positives
    true_negatives = (every - own).sum() - false_positives
    precision = true_positives / np.maximum(1, true_positives + false_positives)
    recall = true_positives / max(1, own.sum())
    return [true_positives, false_positives, true_negatives, false_negatives, precision, recall]
