"""What the first layer looks for."""

from __future__ import annotations

from lightning.pytorch import Trainer
from torch import Tensor, nn

from groundup.callbacks.watcher import Watcher, begins, is_due, last_step, write_picture
from groundup.learning.companion import course_of
from groundup.learning.learner import Learner
from groundup.pictures.tiles import draw_tiles, signed_tiles
from groundup.spec import DatasetSpec

BACKGROUND = (200, 200, 200)


class Filters(Watcher):
    """Picture `filters/LAYER`: the weights of the first layer as images, before the first step and every n epochs.

    Those are a convolution's kernels, or of each unit of a dense layer the weights of all pixels. A network whose first
    layer is neither has no such picture.

    Args:
        count: filters at most.
        every_n_epochs: and in the last one.
    """

    def __init__(self, count: int = 32, every_n_epochs: int = 5):
        self.count, self.every_n_epochs = count, every_n_epochs

    def on_train_start(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        if begins(trainer):
            self._show(trainer, pl_module, "before training", 0)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        if is_due(trainer, self.every_n_epochs):
            self._show(trainer, pl_module, f"after epoch {trainer.current_epoch + 1}", last_step(trainer))

    def _show(self, trainer: Trainer, learner: Learner, moment: str, step: int) -> None:
        course = course_of(trainer, learner)
        found = first_weights(course.net, course.spec) if trainer.is_global_zero else None
        if found is None:
            return
        layer, weights = found
        tiles = signed_tiles(weights[: self.count].detach().float().cpu().numpy())
        shown = f"{len(tiles)} of {len(weights)}" if len(tiles) < len(weights) else str(len(tiles))
        title = f"{layer}: {shown} filters, {moment}"
        write_picture(
            trainer, f"filters/{layer}", draw_tiles(tiles, title, columns=8, side=32, background=BACKGROUND), step
        )


def first_weights(net: nn.Module, spec: DatasetSpec) -> tuple[str, Tensor] | None:
    """The name of the first layer that sees pixels, and its weights as images `(units, C, h, w)`."""
    for name, weights in net.named_parameters():
        layer = name.rpartition(".")[0]
        if weights.dim() == 4 and weights.shape[1] == spec.channels:
            return layer, weights
        if weights.dim() == 2 and weights.shape[1] == spec.channels * spec.height * spec.width:
            return layer, weights.view(-1, spec.channels, *spec.image_size)
        if weights.dim() > 1:
            return None
    return None
