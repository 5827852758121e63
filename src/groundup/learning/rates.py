"""The learning rates of an optimizer's groups at one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from groundup.learning.schedules import falling


def set_rates(
    groups: Sequence[dict[str, Any]], bases: Sequence[float], factor: float | None, step: int, steps_per_epoch: int
) -> None:
    """Puts the learning rates of a step into an optimizer's groups: to each its base rate times the schedule's factor.

    A group that holds `epochs` does not follow the schedule: its rate falls on a straight line to zero over these. All
    others keep the rate that they have where there is no factor: a scheduler of PyTorch has set it.
    """
    # no torch scheduler: the rate is a pure function of the step, so it needs no state and no hook
    for group, base in zip(groups, bases, strict=True):
        epochs = group.get("epochs")
        share = factor if epochs is None else falling(step, epochs, steps_per_epoch)
        if share is None:
            continue
        rate = base * share
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)  # a captured step reads it there
        else:
            group["lr"] = rate
