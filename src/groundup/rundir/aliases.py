"""Parts that have moved: what a `_target_` that an earlier version wrote down stands for today."""

from __future__ import annotations

from typing import Any

# By dotted name; a run directory, a sweep and a checkpoint keep the names that were written in them.
MOVED = {
    "groundup.callbacks.tensorboard.TensorBoard": "groundup.loggers.tensorboard.TensorBoard",
    "groundup.learning.noprop.baselines.BlockCE": "groundup.noprop.baselines.BlockCE",
    "groundup.learning.noprop.baselines.BlockEnsemble": "groundup.noprop.baselines.BlockEnsemble",
    "groundup.learning.noprop.baselines.BlockLocal": "groundup.noprop.baselines.BlockLocal",
    "groundup.learning.noprop.baselines.NoPropBackprop": "groundup.noprop.baselines.NoPropBackprop",
    "groundup.learning.noprop.continuous.NoPropAdjoint": "groundup.noprop.adjoint.NoPropAdjoint",
    "groundup.learning.noprop.continuous.NoPropCT": "groundup.noprop.ct.NoPropCT",
    "groundup.learning.noprop.continuous.NoPropFM": "groundup.noprop.fm.NoPropFM",
    "groundup.learning.noprop.discrete.NoPropDT": "groundup.noprop.dt.NoPropDT",
}


def with_todays_names(content: Any) -> Any:
    """A copy of plain containers in which every `_target_` that has moved bears its name of today."""
    if isinstance(content, dict):
        return {key: _todays(key, value) for key, value in content.items()}
    if isinstance(content, list):
        return [with_todays_names(item) for item in content]
    return content


def _todays(key: Any, value: Any) -> Any:
    if key == "_target_" and isinstance(value, str):
        return MOVED.get(value, value)
    return with_todays_names(value)
