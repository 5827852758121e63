"""What the network is given to learn from."""

from __future__ import annotations

import numpy as np
import torch
from lightning.pytorch import Trainer
from PIL import Image

from groundup.callbacks.shown_images import first_images, pixels_of
from groundup.callbacks.watcher import Watcher, begins, write_picture
from groundup.data.module import ImageData
from groundup.data.sources import Images
from groundup.learning.learner import Learner
from groundup.pictures.ink import GREEN
from groundup.pictures.tiles import as_tiles, draw_tiles

VERSIONS = 3


class Samples(Watcher):
    """Picture `samples/train`: the first training images, each beside what augmentation makes of it in three epochs.

    Without augmentation the images alone. Written once, before the first step.

    Args:
        count: images.
    """

    def __init__(self, count: int = 8):
        self.count = count

    def on_train_start(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        data = trainer.datamodule  # type: ignore[attr-defined]
        images = first_images(data, "train", self.count) if begins(trainer) and trainer.is_global_zero else None
        if images is not None:
            write_picture(trainer, "samples/train", _draw(images, data), 0)


def _draw(images: Images, data: ImageData) -> Image.Image:
    names = [((data.spec.class_names[label], GREEN),) for label in images.labels.tolist()]
    if not data.augment:
        return draw_tiles(as_tiles(images.pixels.numpy()), "training images", columns=4, side=56, captions=names)
    finish = data.finish("train", data.train_size, torch.device("cpu"))
    index = torch.arange(len(names))
    made = [pixels_of(finish(images.pixels, index, epoch, 0), data.spec) for epoch in range(VERSIONS)]
    rows = np.stack([images.pixels.numpy(), *made], axis=1)  # an image, then its versions
    captions = [caption for name in names for caption in (name, *[()] * VERSIONS)]
    title = f"training images, each beside {VERSIONS} versions: {', '.join(data.augment)}"
    return draw_tiles(as_tiles(np.concatenate(rows)), title, columns=2 * (1 + VERSIONS), side=28, captions=captions)
