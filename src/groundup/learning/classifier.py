"""Learning by back-propagation: a network, a loss, gradient descent."""

from __future__ import annotations

from torch import Tensor

from groundup.learning.learner import Learner
from groundup.learning.meter import Diverged
from groundup.numpy_nets.layer import NotFinite

INIT_IMAGES = 5000  # that a network sees which begins from its training images


class Classifier(Learner):
    """Trains a network by back-propagation of its loss.

    A network that has `init_from_images`, as `models.speednet`, is shown some training images before the first step.
    """

    def on_fit_start(self) -> None:
        begin = getattr(self.net, "init_from_images", None)
        if begin is not None and self._resumed is None:  # else its weights are in the checkpoint
            begin(self.trainer.datamodule.some_images(INIT_IMAGES, self.device))  # type: ignore[attr-defined]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        images, target = batch
        try:
            logits = self.net(images)
        except NotFinite as error:  # a hand-written network looks at its numbers itself
            raise Diverged(str(error), self.trainer.global_step, self.rate) from error
        loss = self.loss(logits, target)
        self.meter.update(loss, logits, target, self.rate)
        if self.trainer.world_size == 1:
            return loss
        # processes' gradients are averaged as if their shares of the batch were equal; weigh each by its true share
        return loss * self._order.share(batch_idx)
