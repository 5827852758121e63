"""The optimizers of a stack as one, which costs less than to step them one by one."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

Group = dict[str, Any]


class Joined:
    """Steps the parameters of several optimizers of one kind, each with its own settings.

    States are theirs: what a step leaves there, momentum, say, is in the `state_dict()` of each. Parameters with the
    same settings, those of members that differ in their seeds, are one group: a call of the optimizer's kernel.

    Args:
        optimizers: whose learning rates follow one schedule.
        settings: of each, what it was built with.
    """

    def __init__(self, optimizers: Sequence[Optimizer], settings: Sequence[Mapping[str, Any]]):
        self._whole = copy.copy(optimizers[0])
        self._whole.state = defaultdict[Tensor, Any](dict)
        self._whole.param_groups = []
        self._like: list[Group] = []  # of each group here the first of those that it stands for
        self._settings: list[Mapping[str, Any]] = []  # of each group here
        for optimizer, own in zip(optimizers, settings, strict=True):
            [group] = optimizer.param_groups
            self._add(group, own)
            for parameter in group["params"]:
                self._whole.state[parameter] = optimizer.state[parameter]  # the very dict, made here if need be

    def _add(self, group: Group, settings: Mapping[str, Any]) -> None:
        if settings in self._settings:
            self._whole.param_groups[self._settings.index(settings)]["params"] += group["params"]
            return
        self._settings.append(settings)
        self._like.append(group)
        self._whole.param_groups.append(group | {"params": [*group["params"]]})

    def step(self) -> None:
        """One step of all, with the learning rates that the optimizers have now."""
        for like, joined in zip(self._like, self._whole.param_groups, strict=True):
            joined["lr"] = like["lr"]
        self._whole.step()
