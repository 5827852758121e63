"""Learning by back-propagation: a network, a loss, gradient descent."""

from __future__ import annotations

from torch import Tensor

from groundup.data.loaders import training_images
from groundup.learning.class_weights import weigh
from groundup.learning.contract import Losses
from groundup.learning.learner import Learner
from groundup.learning.losses import ImageLoss

INIT_IMAGES = 5000  # that a network sees which begins from its training images


class Classifier(Learner):
    """Trains a network by back-propagation of its loss.

    A network that has `init_from_images`, as `models.speednet`, is shown some training images before the first step.
    """

    def on_fit_start(self) -> None:
        super().on_fit_start()
        if getattr(self.loss, "class_weights", None) is not None and isinstance(self.loss, ImageLoss):
            data = self.trainer.datamodule  # type: ignore[attr-defined]
            weigh(self.loss, data.training_labels.bincount(minlength=self.spec.num_classes))
            self.loss.to(self.device)
        begin = getattr(self.net, "init_from_images", None)
        if begin is not None and not self.progress.is_resumed:  # else its weights are in the checkpoint
            data = self.trainer.datamodule  # type: ignore[attr-defined]
            begin(training_images(data, INIT_IMAGES, self.device))
            self.keep_given()

    def losses(self, images: Tensor, target: Tensor) -> Losses:
        logits = self.net(images)
        return Losses(self.loss(logits, target), logits)
