"""The confusion matrix of an evaluation."""

from __future__ import annotations

import numpy as np
from lightning.pytorch import Trainer
from numpy.typing import NDArray

from groundup.callbacks.evaluation_watcher import CountWatcher, moment
from groundup.callbacks.watcher import write_picture
from groundup.learning.learner import Learner
from groundup.pictures.confusion import draw_confusion


class Confusion(CountWatcher):
    """Pictures `confusion/val_images`, `confusion/val_shares` and the same of `test`: numbers, and percent of a row."""

    def draw(self, trainer: Trainer, learner: Learner, split: str, step: int, counts: NDArray[np.int64]) -> None:
        for kind, what in (("images", "images"), ("shares", "% of the true class")):
            title = f"{moment(trainer, split)}: {what}"
            image = draw_confusion(counts, learner.spec.class_names, title, shares=kind == "shares")
            write_picture(trainer, f"confusion/{split}_{kind}", image, step)
