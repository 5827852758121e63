"""What the layers make of an image."""

from __future__ import annotations

from lightning.pytorch import Trainer

from groundup.callbacks.probe import activations, probe_images
from groundup.callbacks.shown_images import pixels_of
from groundup.callbacks.watcher import Watcher, is_due, last_step, write_picture
from groundup.learning.companion import course_of
from groundup.learning.learner import Learner
from groundup.pictures.tiles import as_tiles, bright_tiles, draw_tiles


class FeatureMaps(Watcher):
    """Pictures `feature_maps/LAYER`: one validation image, always the same, behind each activation layer.

    Each map goes from black, its least value, to white, its largest. Layers whose output is no image are left out.

    Args:
        count: maps of a layer at most.
        every_n_epochs: and in the last one.
    """

    def __init__(self, count: int = 32, every_n_epochs: int = 5):
        self.count, self.every_n_epochs = count, every_n_epochs

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        if not (is_due(trainer, self.every_n_epochs) and trainer.is_global_zero):
            return
        image = probe_images(trainer, 1)
        if image is None:
            return
        course = course_of(trainer, pl_module)
        step, moment = last_step(trainer), f"after epoch {trainer.current_epoch + 1}"
        layers = {name: output[0] for name, output in activations(course.net, image).items() if output.dim() == 4}
        if layers:
            shown = draw_tiles(as_tiles(pixels_of(image, course.spec)), "the image", columns=1, side=96)
            write_picture(trainer, "feature_maps/the image", shown, step)
        for name, maps in layers.items():
            tiles = bright_tiles(maps[: self.count].cpu().numpy())
            title = f"{name}: {len(tiles)} of {len(maps)} maps of {maps.shape[1]}x{maps.shape[2]}, {moment}"
            write_picture(trainer, f"feature_maps/{name}", draw_tiles(tiles, title, columns=8, side=28), step)
