"""The learning rates of an optimizer's groups at one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

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


def apart(group: Sequence[nn.Parameter], shares: Mapping[nn.Parameter, float]) -> list[list[nn.Parameter]]:
    """A group in parts of one share of the learning rate each, those of the largest first; one of nothing is none."""
    kinds = sorted({shares.get(parameter, 1.0) for parameter in group}, reverse=True)
    return [[parameter for parameter in group if shares.get(parameter, 1.0) == kind] for kind in kinds]


def put_shares(groups: Sequence[dict[str, Any]], shares: Mapping[nn.Parameter, float]) -> None:
    """Has the groups of an optimizer that was made of such parts learn at their share of the rate that it gave them."""
    for group in groups:
        share = shares.get(group["params"][0], 1.0)
        if share != 1.0:
            group["lr"] = group["lr"] * share
