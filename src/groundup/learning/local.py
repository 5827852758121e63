"""Learning by parts that do not see the whole: what their training steps share."""

from __future__ import annotations

from torch import Tensor

from groundup.learning.learner import Learner


class LocalLearner(Learner):
    """A learner whose training steps predict nothing: there is no `train/acc`.

    What its parts see in training is not what they see at inference; often it is the label itself, disturbed.
    """

    def step(self, shown: Tensor, target: Tensor, batch_idx: int, loss: Tensor | None = None) -> Tensor:
        """Notes the loss of a step, and returns what is to be differentiated.

        Args:
            shown: mean over the batch, to be logged.
            target: `(N,)`.
            batch_idx: of the epoch.
            loss: to be differentiated where it is another one.
        """
        self.meter.update(shown, None, target, self.rate)
        loss = shown if loss is None else loss
        return loss if self.trainer.world_size == 1 else loss * self._order.share(batch_idx)

    def train_metrics(self) -> dict[str, float]:
        metrics = super().train_metrics()
        metrics.pop("train/acc", None)
        return metrics
