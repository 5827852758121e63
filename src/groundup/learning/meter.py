"""Loss and accuracy of a training epoch, kept on the device until they are read."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from groundup.learning.metrics import hits


class Diverged(RuntimeError):
    """Training has come to numbers that are not finite.

    Args:
        what: is not finite.
        step: counted over the whole run.
        rate: the step's learning rate.
    """

    def __init__(self, what: str, step: int, rate: float):
        super().__init__(
            f"{what} at step {step} with learning rate {rate:.3g}; "
            "a smaller optimizer.lr or trainer.gradient_clip_val=1 may help"
        )


class TrainMeter:
    """Running loss and accuracy over one epoch that costs a step a few microseconds and no synchronisation.

    A torchmetrics update and a `LightningModule.log` cost about a millisecond a step together, more than a small
    network's own step. Here a step writes its loss into a buffer and adds its hits; `read` fetches them.

    Args:
        capacity: steps that the buffer holds; `read` must be called at least that often.

    Attributes:
        hits: images classified rightly, of the steps that were read; NaN where one of them predicted nothing.
        latest: mean losses of the steps that were read last.
    """

    def __init__(self, capacity: int, device: torch.device | str = "cpu"):
        self._losses = torch.zeros(capacity, device=device)
        self._hits = torch.zeros((), dtype=torch.int64, device=device)
        self._sizes: list[int] = []
        self._rates: list[float] = []
        self.latest: list[float] = []
        self.reset()

    def reset(self) -> None:
        """Forgets everything: a new epoch."""
        self._hits.zero_()
        self._predicts = True
        self._sizes.clear()
        self._rates.clear()
        self.loss_sum = 0.0
        self.hits = 0.0
        self.count = 0

    @property
    def full(self) -> bool:
        return self.left == 0

    @property
    def left(self) -> int:
        """Steps until it must be read."""
        return len(self._losses) - len(self._sizes)

    def update(self, loss: Tensor, logits: Tensor | None, target: Tensor, rate: float = math.nan) -> None:
        """Takes in one step.

        Args:
            loss: mean loss of the batch, a scalar.
            logits: `(N, K)`; None where a step predicts nothing.
            target: `(N,)` class numbers.
            rate: the step's learning rate, for the message if the loss is not finite.
        """
        right = None if logits is None else hits(logits.detach(), target)
        self.note(loss.detach(), right, len(target), rate)

    def note(self, loss: Tensor, right: Tensor | None, size: int, rate: float) -> None:
        """Takes in one step of which is counted already, a scalar, how many of its `size` images were right."""
        self._losses[len(self._sizes)] = loss
        if right is None:
            self._predicts = False
        else:
            self._hits += right
        self._sizes.append(size)
        self._rates.append(rate)

    def read(self, step: int) -> float:
        """Adds the buffered steps to the epoch's sums and returns their mean loss. Synchronises with the device.

        Args:
            step: number of the step after the last buffered one, counted over the whole run.

        Raises:
            Diverged: a buffered loss is NaN or infinite; names the step and its learning rate.
        """
        if not self._sizes:
            return math.nan
        losses = self._losses[: len(self._sizes)].tolist()
        mean = self.take(losses, self._sizes, self._rates, step)
        self.hits = float(self._hits) if self._predicts else math.nan
        self._sizes.clear()
        self._rates.clear()
        return mean

    def take(self, losses: Sequence[float], sizes: Sequence[int], rates: Sequence[float], step: int) -> float:
        """Adds steps, one or more, whose losses are known as numbers, and returns their mean loss.

        Args:
            losses: mean loss of each step's batch.
            sizes: images of each.
            rates: learning rate of each.
            step: number of the step after the last of them.

        Raises:
            Diverged: as `read`.
        """
        for i, loss in enumerate(losses):
            if not math.isfinite(loss):
                raise Diverged(f"the training loss became {loss}", step - len(losses) + i, rates[i])
        self.latest = list(losses)
        for loss, size in zip(losses, sizes, strict=True):
            self.loss_sum += loss * size  # one by one: however often it is read, the same sum to the last bit
        self.count += sum(sizes)
        return sum(losses) / len(losses)
