"""Learning rates: a schedule, which is a function of the step, and a scheduler as PyTorch has them."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


class Halving:
    """Half the rate every so many epochs."""

    def __init__(self, epochs: int = 1):
        self.epochs = epochs

    def __call__(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        return 0.5 ** (step // (self.epochs * steps_per_epoch))


class InverseSqrt(LRScheduler):
    """The rate times sqrt(offset / (offset + step))."""

    def __init__(self, optimizer: Optimizer, offset: int = 20, last_epoch: int = -1):
        self.offset = offset
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        factor = (self.offset / (self.offset + self.last_epoch)) ** 0.5
        return [base * factor for base in self.base_lrs]
