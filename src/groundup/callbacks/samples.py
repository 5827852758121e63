"""What the network is given to learn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from lightning.pytorch import Trainer
from PIL import Image
from torch import Tensor

from groundup.callbacks.shown_images import first_images, pixels_of
from groundup.callbacks.watcher import Watcher, begins, write_picture
from groundup.data.mixing import Mixing
from groundup.data.module import ImageData
from groundup.data.sources import Images
from groundup.learning.learner import Learner
from groundup.pictures.ink import BLUE, GREEN
from groundup.pictures.tiles import Caption, as_tiles, draw_tiles
from groundup.seeds import mix_seed

VERSIONS = 3


class Samples(Watcher):
    """Picture `samples/train`: the first training images, each beside what augmentation makes of it in three epochs.

    Mixtures of two images have both classes below them, with their shares. Without augmentation the images alone.
    Written once, before the first step.

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
    made = [finish(images.pixels, index, epoch, 0) for epoch in range(VERSIONS)]
    shown: list[Sequence[Caption]] = [names, *[[()] * len(names)] * VERSIONS]
    if data.mixing is not None:
        made, shown[1:] = _mixed(data.mixing, made, images.labels, data)
    rows = np.stack([images.pixels.numpy(), *(pixels_of(version, data.spec) for version in made)], axis=1)
    captions = [caption for row in zip(*shown, strict=True) for caption in row]  # an image, then its versions
    title = f"training images, each beside {VERSIONS} versions: {', '.join(data.augment)}"
    across, side = (2, 28) if data.mixing is None else (1, 84)  # two classes and their shares need room
    columns = across * (1 + VERSIONS)
    return draw_tiles(as_tiles(np.concatenate(rows)), title, columns=columns, side=side, captions=captions)


def _mixed(
    mixing: Mixing, made: Sequence[Tensor], labels: Tensor, data: ImageData
) -> tuple[list[Tensor], list[Sequence[Caption]]]:
    """Versions of images, mixed with each other, and below each both classes with their shares."""
    names, mixtures = data.spec.class_names, []
    captions: list[Sequence[Caption]] = []
    with torch.random.fork_rng([]):
        torch.manual_seed(mix_seed(data.seed))
        for version in made:
            mixed = mixing(version)
            mixtures.append(mixed.images)
            others = labels[mixed.partner].tolist()
            captions.append(
                [
                    ((f"{share:.0%} {names[own]}", GREEN), (f"{1 - share:.0%} {names[other]}", BLUE))
                    for share, own, other in zip(mixed.share.tolist(), labels.tolist(), others, strict=True)
                ]
            )
    return mixtures, captions
