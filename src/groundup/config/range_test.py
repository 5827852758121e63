"""A learning-rate range test where it cannot be one. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundup.config.model_kinds import learns_by_itself
from groundup.config.normal_form import is_sweep
from groundup.config.validation import shown
from groundup.errors import UserError

TARGET = "groundup.callbacks.lr_range.LRRange"
EPOCHS = 1000  # at most: steps say how long it is, whatever the training has
FEWEST = 50  # steps, of which the curve is smoothed over eleven


def is_range_test(config: Mapping[str, Any]) -> bool:
    """Whether a run is no training, but a range test."""
    return any(node and node["_target_"] == TARGET for node in config["callbacks"].values())


def settle_range_test(config: dict[str, Any]) -> None:
    """Refuses a range test in a sweep, of a run that goes on, of a model that sets its own rates, and of few steps.

    Args:
        config: of a run; changed: the epochs of the training do not end the test.

    Raises:
        UserError: naming both.
    """
    if not is_range_test(config):
        return
    if is_sweep():
        raise UserError(
            "debug=lr_range with -m: a range test trains nothing that a sweep could compare; accepted: one by one"
        )
    config["trainer"]["max_epochs"] = EPOCHS
    steps = config["trainer"].get("max_steps", -1)
    if steps != -1 and steps < FEWEST:
        raise UserError(f"trainer.max_steps={steps} with debug=lr_range: accepted: {FEWEST} or more, over all rates")
    if config["resume"] is not None:
        raise UserError(f"debug=lr_range with resume={shown(config['resume'])}: it begins anew; accepted: null")
    if learns_by_itself(config["model"]):
        raise UserError(
            f"debug=lr_range with model={config['model']['name']}: a LightningModule sets its own learning rates; "
            "accepted: a network, or a Learner"
        )
