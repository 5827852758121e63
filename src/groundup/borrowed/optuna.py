"""Private names of Optuna.

Looked at first: `Study.ask`, `tell` and `enqueue_trial`, `optuna.trial`, and `HyperbandPruner`.
"""

from __future__ import annotations

from typing import Any

from optuna import Study
from optuna.pruners import HyperbandPruner
from optuna.pruners._successive_halving import _completed_rung_key
from optuna.trial import FrozenTrial, TrialState, create_trial


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


def report(study: Study, trial: FrozenTrial, step: int, value: float) -> None:
    """Writes an intermediate value of a trial that an earlier process has asked for; `Trial.report` is of one just
    asked for."""
    study._storage.set_trial_intermediate_value(trial._trial_id, step, value)


# Hyperband's brackets, and the rungs of a bracket, at which trials are compared. It notes in a trial what it came to
# at each, and knows no other way to be told of trials that it did not see.


def bracket_of(pruner: HyperbandPruner, study: Study, number: int) -> int:
    """The bracket of the trial of this number."""
    if not pruner._pruners:
        pruner._try_initialization(study)
    trial = create_trial(state=TrialState.WAITING)
    trial.number = number
    return pruner._get_bracket_id(study, trial)


def rung_steps(pruner: HyperbandPruner, study: Study, number: int, last: int) -> list[int]:
    """The steps of the rungs of a trial's bracket, up to step `last`."""
    bracket, steps = bracket_of(pruner, study, number), list[int]()
    while (step := pruner._min_resource * pruner._reduction_factor ** (bracket + len(steps))) <= last:
        steps.append(step)
    return steps


def rung_key(rung: int) -> str:
    """The system attribute of a trial that holds what it came to at a rung."""
    return _completed_rung_key(rung)
