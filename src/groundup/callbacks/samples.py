"""What the network is given to learn from."""

from __future__ import annotations

import torch
from lightning.pytorch import Trainer

from groundup.callbacks.images import first_images, pixels_of
from groundup.callbacks.watcher import Watcher, begins, write_picture
from groundup.learning.learner import Learner
from groundup.pictures.ink import GREEN, INK
from groundup.pictures.tiles import as_tiles, draw_tiles

VERSIONS = 5


class Samples(Watcher):
    """Picture `samples/train`: the first training images, each beside what augmentation makes of it in five epochs.

    Without augmentation the images alone. Written once, before the first step.

    Args:
        count: images.
    """

    def __init__(self, count: int = 16):
        self.count = count

    def on_train_start(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        data = trainer.datamodule  # type: ignore[attr-defined]
        images = first_images(data, "train", self.count) if begins(trainer) and trainer.is_global_zero else None
        if images is None:
            return
        names = [pl_module.spec.class_names[label] for label in images.labels.tolist()]
        shown, captions, columns = images.pixels.numpy(), [((name, GREEN),) for name in names], 8
        title = "training images"
        if data.augment:
            index = torch.arange(len(names))
            finish = data.finish("train", len(data.splits["train"].labels), torch.device("cpu"))
            made = [pixels_of(finish(images.pixels, index, epoch, 0), pl_module.spec) for epoch in range(VERSIONS)]
            shown = torch.stack([images.pixels, *map(torch.from_numpy, made)], dim=1).flatten(0, 1).numpy()
            captions = [((text, colour),) for name in names for text, colour in ((name, GREEN), *[("", INK)] * VERSIONS)]
            columns, title = 2 * (1 + VERSIONS), f"training images, each beside {VERSIONS} versions: {', '.join(data.augment)}"
        picture = draw_tiles(as_tiles(shown), title, columns=columns, captions=captions)
        write_picture(trainer, "samples/train", picture, 0)
