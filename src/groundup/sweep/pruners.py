"""Optuna's pruners on what the files of a study say: which trial is given up, and the figures that this is about."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, WilcoxonPruner
from optuna.trial import FrozenTrial, TrialState, create_trial

from groundup.borrowed.optuna import bracket_of, rung_key, rung_steps
from groundup.rundir.pruned import Decision
from groundup.sweep.pruning import FEWEST_PAIRS, Past, Pruning

P_VALUE = 0.1  # of `wilcoxon`, Optuna's own; a threshold and no rate of errors, for it is asked after every epoch
STATES = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


def decide(pruning: Pruning, epochs: int, trials: Sequence[Past], number: int) -> Decision | None:
    """Whether Optuna's pruner gives up trial `number`, which trains, after the last epoch in its values.

    Args:
        pruning: which pruner.
        epochs: of a whole training.
        trials: of the study, by number.
        number: of the trial.
    """
    pruner = make_pruner(pruning, epochs)
    study = _study(pruning, pruner, trials, number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that are no numbers: such a trial is not compared
        if not pruner.prune(study, _trial_of(study, number)):
            return None
    value, against, words = _WHY[pruning.pruner](study, pruner, number)
    trained = max(trials[number].values)
    reason = f"{pruning.pruner}: after epoch {trained} of {epochs} {pruning.metric} {words}"
    return Decision(pruning.pruner, trained, value, against, reason)


def make_pruner(pruning: Pruning, epochs: int) -> BasePruner:
    """Optuna's, of trainings of so many epochs."""
    warmup = pruning.warmup(epochs)
    if pruning.pruner == "median":
        return MedianPruner(n_startup_trials=pruning.startup_trials, n_warmup_steps=warmup)
    if pruning.pruner == "hyperband":
        return HyperbandPruner(min_resource=warmup, max_resource=epochs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return WilcoxonPruner(p_threshold=P_VALUE, n_startup_steps=max(warmup, FEWEST_PAIRS))


def _study(pruning: Pruning, pruner: BasePruner, trials: Sequence[Past], judged: int) -> optuna.Study:
    """The study as it would be had every trial been run by Optuna itself and reported every epoch."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(study_name=pruning.study, direction=pruning.direction, pruner=pruner)
    for number, past in enumerate(trials):
        state, passed = _state(past), past.values
        if number == judged:  # it is yet to pass the last one
            state, passed = TrialState.RUNNING, {step: past.values[step] for step in sorted(past.values)[:-1]}
        study.add_trial(
            create_trial(
                state=state,
                value=past.value if state == TrialState.COMPLETE else None,
                intermediate_values=past.values,
                system_attrs=_rungs(study, pruner, number, passed),
            )
        )
    return study


def _state(past: Past) -> TrialState:
    state = STATES.get(past.status or "", TrialState.RUNNING)
    if state == TrialState.COMPLETE and past.value is None:  # without validation data, or no number
        return TrialState.FAIL
    return state


def _rungs(study: optuna.Study, pruner: BasePruner, number: int, passed: dict[int, float]) -> dict[str, float]:
    """What Hyperband notes in a trial: its value at each rung that it has passed."""
    if not isinstance(pruner, HyperbandPruner) or not passed:
        return {}
    steps = sorted(passed)
    dues = rung_steps(pruner, study, number, steps[-1])
    return {rung_key(rung): passed[next(step for step in steps if step >= due)] for rung, due in enumerate(dues)}


def _trial_of(study: optuna.Study, number: int) -> FrozenTrial:
    return study.get_trials(deepcopy=False)[number]  # `study.trials` copies all, which takes longer than to judge


# Why: the value of the trial, what it was held against, and both in words


def _why_median(study: optuna.Study, pruner: BasePruner, number: int) -> tuple[float, float, str]:
    trial = _trial_of(study, number)
    step = max(trial.intermediate_values)
    others = [
        other.intermediate_values[step]
        for other in study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
        if step in other.intermediate_values
    ]
    median, own = float(np.nanmedian(others)), list(trial.intermediate_values.values())
    best = float(np.nanmax(own) if _is_up(study) else np.nanmin(own)) if not np.all(np.isnan(own)) else np.nan
    side = "below" if _is_up(study) else "above"
    if np.isnan(best):
        return best, median, "is no number"
    return best, median, f"{best:.4f} at best, {side} {median:.4f}, the median of {len(others)} finished trials"


def _why_hyperband(study: optuna.Study, pruner: BasePruner, number: int) -> tuple[float, float, str]:
    assert isinstance(pruner, HyperbandPruner)
    trial, bracket = _trial_of(study, number), bracket_of(pruner, study, number)
    step = max(trial.intermediate_values)
    value = trial.intermediate_values[step]
    if np.isnan(value):
        return value, value, "is no number"
    rung = len(rung_steps(pruner, study, number, step)) - 1
    key = next(key for key in map(rung_key, range(rung, -1, -1)) if key in trial.system_attrs)
    rivals = sorted(
        (
            other.system_attrs[key]
            for other in study.get_trials(deepcopy=False)
            if key in other.system_attrs and bracket_of(pruner, study, other.number) == bracket
        ),
        reverse=_is_up(study),
    )
    best = max(1, len(rivals) // 3)
    which = f"the best {best}" if best > 1 else "the best"
    against = rivals[best - 1]
    return value, against, f"{value:.4f} is not among {which} of {len(rivals)} trials there, {against:.4f} and better"


def _why_wilcoxon(study: optuna.Study, pruner: BasePruner, number: int) -> tuple[float, float, str]:
    from scipy.stats import wilcoxon  # slow to import

    trial, best = _trial_of(study, number), study.best_trial
    common = sorted(trial.intermediate_values.keys() & best.intermediate_values.keys())
    own, other = (np.array([each.intermediate_values[step] for step in common]) for each in (trial, best))
    alternative = "less" if _is_up(study) else "greater"
    p = wilcoxon(own - other, alternative=alternative, zero_method="zsplit").pvalue
    value, against = float(own[-1]), float(other[-1])
    held = f"{value:.4f} against {against:.4f} of job {best.number}, the best so far"
    return value, against, f"{held}; worse epoch by epoch, p = {p:.2g} of {len(common)}"


_WHY = {"median": _why_median, "hyperband": _why_hyperband, "wilcoxon": _why_wilcoxon}


def _is_up(study: optuna.Study) -> bool:
    return study.direction == optuna.study.StudyDirection.MAXIMIZE
