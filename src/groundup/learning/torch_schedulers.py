"""Schedulers of `torch.optim.lr_scheduler`: objects that change an optimizer's rates each time they are told to."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from groundup.errors import UserError
from groundup.learning.checkpoint import try_reading_back

log = logging.getLogger(__name__)

MOST_TRIED = 200_000  # steps of a scheduler before training: half a second or so


@dataclass(frozen=True)
class TorchScheduler:
    """How a scheduler is made for an optimizer, and when it is told to go on, as Lightning names it.

    Attributes:
        make: gives one, for an optimizer that nothing has scheduled before.
        interval: it goes on after every `epoch`, or after every optimizer `step`.
        frequency: after every so many of them.
        monitor: what a plateau is looked for in, a metric: such a scheduler goes on after each validation, or, if it is
            one of training, after each epoch. None for all others.
    """

    make: Callable[[Optimizer], LRScheduler]
    interval: Literal["epoch", "step"] = "epoch"
    frequency: int = 1
    monitor: str | None = None

    def for_lightning(self, optimizer: Optimizer) -> dict[str, Any]:
        """The `lr_scheduler` of what `configure_optimizers` gives; the scheduler's state is then in checkpoints.

        When it is told to go on, the learner decides: Lightning counts batches where it says steps, and looks for a
        plateau after the checkpoint of the epoch is written, so that a run that goes on would not know of it.
        """
        return {"scheduler": self.make(optimizer), "interval": self.interval, "reduce_on_plateau": False}

    def is_due(self, steps: int, epochs: int) -> bool:
        """Whether one without `monitor` goes on after so many steps, of which the last has ended so many epochs."""
        return self.monitor is None and (steps if self.interval == "step" else epochs) % self.frequency == 0

    def judges(self, epoch: int, split: Literal["train", "val"]) -> bool:
        """Whether one with `monitor` takes in what a split has come to in this epoch, the first being 0."""
        return self.monitor is not None and self.monitor.startswith(f"{split}/") and (epoch + 1) % self.frequency == 0

    def refuse_what_ends_early(
        self, optimizer: Optimizer, rates: Sequence[float], total_steps: int, steps_per_epoch: int
    ) -> None:
        """Tries the scheduler for a whole training, on an optimizer without weights.

        Args:
            optimizer: like which the other is made.
            rates: of its groups, before anything was scheduled.

        Raises:
            UserError: it raises something, or gives groups of different rates one and the same, all the time.
        """
        units = total_steps if self.interval == "step" else total_steps // steps_per_epoch
        calls = 0 if self.monitor else units // self.frequency
        trial = _WithoutWeights(optimizer, rates)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it goes on though no step was taken
            scheduler = self.make(trial)
            if self._ignores_rates(optimizer, rates, trial.rates()):
                log.warning(
                    f"scheduler: {type(scheduler).__name__} sets the learning rate itself, {trial.rates()[0]:g} at "
                    "first; optimizer.lr has no effect"
                )
            differ = _differ(rates)
            kept_apart = not differ or _differ(trial.rates())
            for call in range(min(calls, MOST_TRIED)):
                try:
                    scheduler.step()
                except Exception as error:  # of any kind: in training it would be as fatal
                    raise UserError(_ends_early(scheduler, error, call + 1, calls, self.interval)) from error
                kept_apart = kept_apart or _differ(trial.rates())
        if isinstance(made_for := getattr(scheduler, "total_steps", None), int) and calls + 1 < made_for:
            log.warning(
                f"scheduler: {type(scheduler).__name__} is made for {made_for} calls, but this training calls it "
                f"{calls} times, once {_unit(self.interval)}; it does not reach its end"
            )
        if not kept_apart:
            raise UserError(
                f"scheduler: {type(scheduler).__name__} gives all {len(rates)} groups of the optimizer one rate, but "
                f"their own are {', '.join(f'{rate:g}' for rate in rates)}; accepted: a list, of one for each group"
            )

    def _ignores_rates(self, optimizer: Optimizer, rates: Sequence[float], found: list[float]) -> bool:
        """Whether the rates of the first step are the same if the optimizer's own are twice as large."""
        twice = _WithoutWeights(optimizer, [2 * rate for rate in rates])
        self.make(twice)
        return any(found) and found == twice.rates()


def _differ(rates: Sequence[float]) -> bool:
    return len(set(rates)) > 1


def _unit(interval: str) -> str:
    return "a step" if interval == "step" else "an epoch"


def _ends_early(scheduler: LRScheduler, error: Exception, call: int, calls: int, interval: str) -> str:
    cause = " ".join(str(error).split())[:200]
    return (
        f"scheduler: {type(scheduler).__name__} cannot go on as long as this training: at {call} of {calls} times, "
        f"once {_unit(interval)}, it says: {type(error).__name__}: {cause}"
    )


def refuse_state_of_objects(scheduler: LRScheduler) -> None:
    """Refuses a scheduler whose state no checkpoint could be read with.

    Raises:
        UserError: it holds more than tensors and plain values.
    """
    try:
        try_reading_back(scheduler.state_dict())
    except Exception as error:  # of any kind, as torch raises them
        said = " ".join(str(error).split())[:120]
        raise UserError(
            f"scheduler: the state_dict of {type(scheduler).__name__} holds more than tensors and plain values, and no "
            f"checkpoint with it could be read ({said})"
        ) from error


class _WithoutWeights(Optimizer):
    """As another one to a scheduler: its groups and defaults, without what it learns. Its steps do nothing."""

    def __init__(self, like: Optimizer, rates: Sequence[float]):
        groups = [_alone(group, rate) for group, rate in zip(like.param_groups, rates, strict=True)]
        super().__init__(groups, dict(like.defaults))

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        return None

    def rates(self) -> list[float]:
        return [float(group["lr"]) for group in self.param_groups]


def _alone(group: Mapping[str, Any], rate: float) -> dict[str, Any]:
    left_out = ("params", "param_names", "initial_lr", "lr")
    return {key: value for key, value in group.items() if key not in left_out} | {
        "params": [torch.nn.Parameter(torch.zeros(()))],
        "lr": rate,
    }
