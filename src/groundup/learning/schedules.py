"""Learning-rate schedules: the factor on the learning rate at one optimizer step, as plain numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    """What every class here is: a function of the 0-based optimizer step to the factor on the learning rate."""

    def __call__(self, step: int, total_steps: int, steps_per_epoch: int) -> float: ...


def warmup(step: int, warmup_steps: int) -> float:
    """Rises on a straight line to 1 at step `warmup_steps`; the first step is above zero, or it would be wasted."""
    return min(1.0, (step + 1) / (warmup_steps + 1))


def progress(step: float, begin: float, end: float) -> float:
    """How far `step` has come from `begin` (0) to `end` (1)."""
    if step >= end:
        return 1.0
    return max(0.0, (step - begin) / (end - begin))


def line(start: float, end: float, done: float) -> float:
    """From `start` (done = 0) to `end` (done = 1)."""
    return start + (end - start) * done


def falling(step: int, epochs: float, steps_per_epoch: int) -> float:
    """From 1 at step 0 on a straight line to 0 after so many epochs, and 0 from then on."""
    return 1.0 - progress(step, 0, epochs * steps_per_epoch)


def half_cosine(start: float, end: float, done: float) -> float:
    """From `start` (done = 0) to `end` (done = 1), flat at both."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True)
class Constant:
    """The learning rate itself, after `warmup_epochs`."""

    warmup_epochs: float = 0

    def __call__(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        return warmup(step, round(self.warmup_epochs * steps_per_epoch))


@dataclass(frozen=True)
class Step:
    """Multiplied by `gamma` every `step_epochs`, counted from the start of training; warm-up on top."""

    warmup_epochs: float = 0
    step_epochs: int = 10
    gamma: float = 0.1

    def __call__(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        decays = step // (self.step_epochs * steps_per_epoch)
        return self.gamma**decays * warmup(step, round(self.warmup_epochs * steps_per_epoch))


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from 1, after warm-up, towards `final` at `total_steps` (Loshchilov and Hutter 2017, equation 5).

    `final` belongs to the step after the last one: with 0, every step still learns something.
    """

    warmup_epochs: float = 1
    final: float = 0.0

    def __call__(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        warmup_steps = round(self.warmup_epochs * steps_per_epoch)
        if step < warmup_steps:
            return warmup(step, warmup_steps)
        return half_cosine(1.0, self.final, progress(step, warmup_steps, total_steps))


@dataclass(frozen=True)
class OneCycle:
    """Half a cosine up from `start` to 1 and another down to `final` at the last step (Smith and Topin 2018).

    `warmup_fraction` is the share of all steps that rises. Equal to `torch.optim.lr_scheduler.OneCycleLR` with
    `div_factor = 1 / start` and `final_div_factor = start / final`.
    """

    warmup_fraction: float = 0.3
    start: float = 0.04
    final: float = 1e-4

    def __call__(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        peak = self.warmup_fraction * total_steps - 1
        if step <= peak:
            return half_cosine(self.start, 1.0, progress(step, 0, peak))
        return half_cosine(1.0, self.final, progress(step, peak, total_steps - 1))


@dataclass(frozen=True)
class Triangle:
    """Straight from `start` at step 0 to 1, and straight from there to `final` (Jordan 2024, arXiv 2404.00498).

    Of T steps, 1 is reached at step round(`warmup_fraction` T), and `final`, as in `Cosine`, belongs to step T, the one
    after the last: with 0, every step still learns something. Without warm-up it is 1 - (1 - `final`) step / T.
    """

    warmup_fraction: float = 0.23
    start: float = 0.2
    final: float = 0.07

    def __call__(self, step: int, total_steps: int, steps_per_epoch: int) -> float:
        peak = round(self.warmup_fraction * total_steps)
        if step < peak:
            return line(self.start, 1.0, progress(step, 0, peak))
        return line(1.0, self.final, progress(step, peak, total_steps))
