"""Private names of Optuna.

Looked at first: `Study.ask`, `tell` and `enqueue_trial`, and `optuna.trial`.
"""

from __future__ import annotations

from typing import Any

from optuna import Study
from optuna.trial import FrozenTrial


def set_user_attribute(study: Study, trial: FrozenTrial, name: str, value: Any) -> None:
    """Writes an attribute of a trial that an earlier process has asked for into the study's database.

    The public `Trial.set_user_attr` is of a trial just asked for, and `FrozenTrial.set_user_attr` changes a copy.
    """
    study._storage.set_trial_user_attr(trial._trial_id, name, value)


def planned_values(trial: FrozenTrial) -> dict[str, Any] | None:
    """The values that `Study.enqueue_trial` was given for a trial; None of one that the sampler chooses for.

    `FrozenTrial.params`, which is public, is empty until the trial is asked for.
    """
    return trial.system_attrs.get("fixed_params")
