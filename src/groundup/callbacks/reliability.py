"""Whether probabilities are the shares that are right."""

from __future__ import annotations

import numpy as np
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from groundup.callbacks.evaluation_watcher import EvaluationWatcher, moment
from groundup.callbacks.watcher import write_picture
from groundup.learning.learner import Learner
from groundup.pictures.reliability import draw_reliability
from groundup.statistics.calibration import BINS, edges


class Reliability(EvaluationWatcher):
    """Pictures `reliability/val` and `reliability/test`: accuracy against confidence, in bins of confidence."""

    def begin(self, learner: Learner) -> None:
        self._sums = torch.zeros(3, BINS + 1, device=learner.device)  # images, confidences, rights
        self._edges = torch.from_numpy(edges(BINS)).to(learner.device)

    def see(self, learner: Learner, images: Tensor, target: Tensor, logits: Tensor) -> None:
        probabilities = learner.probabilities(logits).float()
        predicted = logits.argmax(dim=1)
        sums = probabilities.sum(dim=1)  # of each class by itself, as a sigmoid's, they may add up to something else
        confidence = (probabilities.gather(1, predicted[:, None]).flatten() / sums).nan_to_num(0).clamp(0, 1)
        bins = torch.bucketize(confidence, self._edges, right=True) - 1
        seen = torch.stack([torch.ones_like(confidence), confidence, (predicted == target).float()])
        self._sums.scatter_add_(1, bins.expand_as(seen), seen)

    def show(self, trainer: Trainer, learner: Learner, split: str, step: int) -> None:
        sums = learner.sum_over_processes(self._sums).cpu().double().numpy()
        if trainer.is_global_zero:
            _, confidence, right = sums
            error = float(np.abs(right - confidence).sum() / max(1, sums[0].sum()))
            sums[:, -2] += sums[:, -1]  # which have a bin of their own in the error alone
            images, confidence, right = sums[:, :-1]
            picture = draw_reliability(
                images.round().astype(int), confidence, right.round().astype(int), error, moment(trainer, split)
            )
            write_picture(trainer, f"reliability/{split}", picture, step)
