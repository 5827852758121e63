"""The accuracy of every class."""

from __future__ import annotations

from lightning.pytorch import Trainer
from torch import Tensor

from groundup.callbacks.evaluation import ConfusionCounts, EvaluationWatcher, moment
from groundup.callbacks.watcher import write_picture
from groundup.learning.learner import Learner
from groundup.pictures.bars import draw_bars


class PerClass(EvaluationWatcher):
    """Pictures `per_class/val` and `per_class/test`: a bar for each class."""

    def begin(self, learner: Learner) -> None:
        self._counts = ConfusionCounts(learner.spec.num_classes, learner.device)

    def see(self, learner: Learner, images: Tensor, target: Tensor, logits: Tensor) -> None:
        self._counts.update(target, logits)

    def show(self, trainer: Trainer, learner: Learner, split: str, step: int) -> None:
        counts = self._counts.read(trainer)
        if not trainer.is_global_zero:
            return
        title = f"{moment(trainer, split)}: accuracy of each class; the mark: of all"
        image = draw_bars(counts.diagonal(), counts.sum(axis=1), learner.spec.class_names, title)
        write_picture(trainer, f"per_class/{split}", image, step)
