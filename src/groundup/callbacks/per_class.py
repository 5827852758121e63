"""The accuracy of every class."""

from __future__ import annotations

import numpy as np
from lightning.pytorch import Trainer
from numpy.typing import NDArray

from groundup.callbacks.evaluation_watcher import CountWatcher, moment
from groundup.callbacks.watcher import write_picture
from groundup.learning.learner import Learner
from groundup.pictures.bars import draw_bars


class PerClass(CountWatcher):
    """Pictures `per_class/val` and `per_class/test`: a bar for each class."""

    def draw(self, trainer: Trainer, learner: Learner, split: str, step: int, counts: NDArray[np.int64]) -> None:
        title = f"{moment(trainer, split)}: accuracy of each class; the mark: of all"
        image = draw_bars(counts.diagonal(), counts.sum(axis=1), learner.spec.class_names, title)
        write_picture(trainer, f"per_class/{split}", image, step)
