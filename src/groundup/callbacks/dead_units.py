"""Units that tell nothing apart."""

from __future__ import annotations

from lightning.pytorch import Trainer
from torch import Tensor

from groundup.callbacks.probe import activations, probe_images
from groundup.callbacks.watcher import Watcher, anything, is_due, last_step, write_scalars
from groundup.learning.companion import course_of
from groundup.learning.learner import Learner


class DeadUnits(Watcher):
    """Scalars `dead_units/LAYER`: the share of an activation layer's units that give the same for all images.

    Such are a ReLU that is never on and a sigmoid that is always saturated; a unit is a channel where the output is an
    image.

    Args:
        images: that are tried, the first of validation.
        every_n_epochs: and in the last one.
    """

    def __init__(self, images: int = 256, every_n_epochs: int = 1):
        self.images, self.every_n_epochs = images, every_n_epochs

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        if not (is_due(trainer, self.every_n_epochs, by=anything) and trainer.is_global_zero):
            return
        images = probe_images(trainer, self.images)
        if images is None:
            return
        shares = {
            f"dead_units/{name}": dead_share(out)
            for name, out in activations(course_of(trainer, pl_module).net, images).items()
        }
        write_scalars(trainer, shares, last_step(trainer))


def dead_share(outputs: Tensor) -> float:
    """The share of units, `(N, units)` or `(N, units, H, W)`, whose output is the same everywhere."""
    by_unit = outputs.transpose(0, 1).flatten(1)
    return float((by_unit.amax(dim=1) == by_unit.amin(dim=1)).float().mean())
