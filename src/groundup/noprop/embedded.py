"""What the learners whose network has an embedding of the classes share."""

from __future__ import annotations

from typing import cast

from groundup.learning.learner import Learner
from groundup.noprop.embedding import Embedding
from groundup.noprop.prototypes import training_images_of


class WithEmbedding(Learner):
    """Gives `net.embedding` its first prototypes before training."""

    def on_fit_start(self) -> None:
        embedding = cast(Embedding, self.net.embedding)
        if embedding.kind == "prototype" and self._resumed is None:  # else they are in the checkpoint
            data = self.trainer.datamodule  # type: ignore[attr-defined]
            embedding.set_prototypes(training_images_of(data, self.device))
