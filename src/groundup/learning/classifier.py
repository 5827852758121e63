"""Learning by back-propagation: a network, a loss, gradient descent."""

from __future__ import annotations

from torch import Tensor

from groundup.data.loaders import training_images
from groundup.data.mixing import Mixed, Mixing
from groundup.data.module import ImageData
from groundup.learning.class_weights import weigh
from groundup.learning.contract import Losses
from groundup.learning.learner import Learner
from groundup.learning.losses import ImageLoss

INIT_IMAGES = 5000  # that a network sees which begins from its training images


class Classifier(Learner):
    """Trains a network by back-propagation of its loss.

    Where the data ask for it, it learns from mixtures of two images: the loss is that of either label, times its share.

    A network that has `init_from_images`, as `models.speednet`, is shown some training images before the first step.
    """

    mixing: Mixing | None = None

    def on_fit_start(self) -> None:
        super().on_fit_start()
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        self.mixing = data.mixing if isinstance(data, ImageData) else None
        if getattr(self.loss, "class_weights", None) is not None and isinstance(self.loss, ImageLoss):
            weigh(self.loss, data.training_labels.bincount(minlength=self.spec.num_classes))
            self.loss.to(self.device)
        begin = getattr(self.net, "init_from_images", None)
        if begin is not None and not self.progress.is_resumed:  # else its weights are in the checkpoint
            begin(training_images(data, INIT_IMAGES, self.device))
            self.keep_given()

    def losses(self, images: Tensor, target: Tensor) -> Losses:
        if self.mixing is not None:
            return self._losses_of_mixtures(self.mixing(images), target)
        logits = self.net(images)
        return Losses(self.loss(logits, target), logits)

    def _losses_of_mixtures(self, mixed: Mixed, target: Tensor) -> Losses:
        """`train/acc` counts a mixture as its larger part, whose label `target` has."""
        logits = self.net(mixed.images)
        assert isinstance(self.loss, ImageLoss), "another loss is refused with mixtures"
        own, other = self.loss.weighed(logits, target), self.loss.weighed(logits, target[mixed.partner])
        share = mixed.share.to(own.dtype)
        return Losses((share * own + (1 - share) * other).mean(), logits)
