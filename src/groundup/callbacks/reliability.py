"""Whether probabilities are the shares that are right."""

from __future__ import annotations

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from groundup.callbacks.evaluation_watcher import EvaluationWatcher, moment
from groundup.callbacks.watcher import write_picture
from groundup.learning.learner import Learner
from groundup.pictures.reliability import draw_reliability

BINS = 15


class Reliability(EvaluationWatcher):
    """Pictures `reliability/val` and `reliability/test`: accuracy against confidence, in bins of confidence."""

    def begin(self, learner: Learner) -> None:
        self._sums = torch.zeros(3, BINS, device=learner.device)  # images, confidences, rights

    def see(self, learner: Learner, images: Tensor, target: Tensor, logits: Tensor) -> None:
        probabilities = learner.probabilities(logits).float()
        predicted = logits.argmax(dim=1)
        sums = probabilities.sum(dim=1)  # of each class by itself, as a sigmoid's, they may add up to something else
        confidence = (probabilities.gather(1, predicted[:, None]).flatten() / sums).nan_to_num(0).clamp(0, 1)
        bins = (confidence * BINS).long().clamp(max=BINS - 1)
        seen = torch.stack([torch.ones_like(confidence), confidence, (predicted == target).float()])
        self._sums.scatter_add_(1, bins.expand_as(seen), seen)

    def show(self, trainer: Trainer, learner: Learner, split: str, step: int) -> None:
        images, confidence, right = learner.sum_over_processes(self._sums).cpu().double().numpy()
        if trainer.is_global_zero:
            picture = draw_reliability(
                images.round().astype(int), confidence, right.round().astype(int), moment(trainer, split)
            )
            write_picture(trainer, f"reliability/{split}", picture, step)
