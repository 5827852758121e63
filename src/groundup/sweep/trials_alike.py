"""What the trials of a search have to have in common, told by their configs: whatever word or file sets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from groundup.errors import UserError
from groundup.rundir.replicates import replicate_of
from groundup.sweep.pruning import Pruning

Configs = Sequence[Mapping[str, Any]]


def refuse_several_folds(configs: Configs) -> None:
    """
    Raises:
        UserError: trials would be validated on several folds.
    """
    folds = sorted({fold for config in configs if (fold := replicate_of(config).fold) is not None})
    if len(folds) > 1:
        raise UserError(
            f"{_several('data.fold', folds)} with hydra/sweeper=optuna: a fold is no setting to be searched, the "
            f"luckiest would be chosen; accepted is one, as data.fold={folds[0]}"
        )


def refuse_what_biases(pruning: Pruning, configs: Configs) -> None:
    """
    Raises:
        UserError: trials would differ in what figures are averaged over, or in how far an epoch is.
    """
    asked = f"hydra.sweeper.pruner={pruning.pruner}"
    if len(seeds := sorted({config["seed"] for config in configs})) > 1:
        raise UserError(
            f"{asked} with {_several('seed', seeds)}: the worse ones of a configuration would be given up, and the "
            "mean of the others be too good; accepted: one seed, or hydra.sweeper.pruner=none"
        )
    if len(epochs := sorted({config["trainer"]["max_epochs"] for config in configs})) > 1:
        raise UserError(
            f"{asked} with {_several('trainer.max_epochs', epochs)}: trials are compared after the same number of "
            "epochs of one training, and would be at different points of theirs; accepted: one value, or "
            "hydra.sweeper.pruner=none"
        )


def _several(key: str, values: Sequence[int]) -> str:
    return f"several values of {key} ({', '.join(map(str, values[:3]))}{', …' if len(values) > 3 else ''})"
