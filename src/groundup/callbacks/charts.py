"""Charts that put curves together."""

from __future__ import annotations

from lightning.pytorch import Trainer

from groundup.callbacks.watcher import Watcher, begins, is_tensorboard, writers
from groundup.learning.learner import Learner

LAYOUT = {
    "training and validation": {
        "loss": ["Multiline", ["^train/loss$", "^val/loss$"]],
        "accuracy": ["Multiline", ["^train/acc$", "^val/acc$"]],
    }
}


class Charts(Watcher):
    """The layout of the tab CUSTOM SCALARS: training and validation curves on one chart, of loss and of accuracy."""

    def on_train_start(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        if begins(trainer, by=is_tensorboard):
            for writer in writers(trainer):
                writer.add_custom_scalars(LAYOUT)
