"""The confusion matrix of an evaluation."""

from __future__ import annotations

from lightning.pytorch import Trainer
from torch import Tensor

from groundup.callbacks.evaluation import ConfusionCounts, EvaluationWatcher, moment
from groundup.callbacks.watcher import write_picture
from groundup.learning.learner import Learner
from groundup.pictures.confusion import draw_confusion


class Confusion(EvaluationWatcher):
    """Pictures `confusion/val_images`, `confusion/val_shares` and the same of `test`: numbers, and percent of a row."""

    def begin(self, learner: Learner) -> None:
        self._counts = ConfusionCounts(learner.spec.num_classes, learner.device)

    def see(self, learner: Learner, images: Tensor, target: Tensor, logits: Tensor) -> None:
        self._counts.update(target, logits)

    def show(self, trainer: Trainer, learner: Learner, split: str, step: int) -> None:
        counts = self._counts.read(trainer)
        if not trainer.is_global_zero:
            return
        for kind, what in (("images", "images"), ("shares", "% of the true class")):
            title = f"{moment(trainer, split)}: {what}"
            image = draw_confusion(counts, learner.spec.class_names, title, shares=kind == "shares")
            write_picture(trainer, f"confusion/{split}_{kind}", image, step)
