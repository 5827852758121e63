"""Embeddings that begin with training images of their classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from groundup.data.module import ImageData
from groundup.data.sources import Images
from groundup.errors import UserError
from groundup.learning.learner import Learner
from groundup.noprop.embedding import Embedding


def training_images_of(data: Any, device: torch.device) -> Callable[[int], Tensor]:
    """A function from class numbers to all training images of that class, (N, C, H, W), normalised, not augmented.

    Raises:
        UserError: the images are not in memory, or a class has none.
    """
    if not isinstance(data, ImageData):
        raise UserError(
            "model.embedding=prototype: it needs images of each class, but the data module gives only batches; "
            "accepted: one_hot, learned"
        )
    images = data.splits["train"]
    if not isinstance(images, Images):
        raise UserError("model.embedding=prototype with data.in_memory=false; accepted: one_hot, learned")
    finish = data.finish("val", len(images.labels), device)

    def of(label: int) -> Tensor:
        rows = (images.labels == label).nonzero().squeeze(1)
        if not len(rows):
            raise UserError(
                f"model.embedding=prototype: no training image of class {data.class_names[label]!r}; "
                "accepted: one_hot, learned, or a larger data.limit_train"
            )
        return finish(images.pixels[rows].to(device), rows.to(device), 0, 0)

    return of


class WithPrototypes(Learner):
    """A way of learning whose network has an `embedding`, which gets its first prototypes before training."""

    def on_fit_start(self) -> None:
        super().on_fit_start()
        embedding = cast(Embedding, self.net.embedding)
        if embedding.kind == "prototype" and not self.progress.is_resumed:  # else they are in the checkpoint
            data = self.trainer.datamodule  # type: ignore[attr-defined]
            embedding.set_prototypes(training_images_of(data, self.device))
            self.keep_given()
