"""How much each setting decides: the share of what the figures differ by, by functional ANOVA, and how sure that is.

A random forest is fitted to the trials; a setting's importance is the share of the forest's variance that it explains
alone, averaged over the others (F. Hutter, H. Hoos, K. Leyton-Brown: An efficient approach for assessing hyperparameter
importance. ICML 2014), as `optuna.importance` computes it. How sure that is says what it comes to of trials that are
drawn from them with replacement, several times.

Shares come to 1 whatever the settings are worth, noise too. Whether they decide anything is asked first: the forest
must predict trials that it has not seen better than forests of the same trials with their figures shuffled.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from groundup.report.trials import Setting, Trials

FEWEST = 10  # trials
DRAWS = 10  # of trials, with replacement
MOST = 150  # trials of a draw: its forest takes seconds beyond
ROUNDING = 1e-7  # of a figure: jobs that differ in nothing but the order of sums differ so far
NEARLY_ALL = 0.9  # of the draws
TREES, TREES_OF_DRAW, TREES_OF_TEST = 64, 20, 32
SHUFFLES = 19  # of figures: the forest of a sweep without any effect is the best of 20 in one of 20


@dataclass(frozen=True)
class Importance:
    """Of the settings, the most important first.

    Attributes:
        settings: in this order.
        shares: of each, which come to 1.
        draws: `(DRAWS, settings)`, of each draw.
        decides: whether the settings predict the figure better than chance.
    """

    settings: list[Setting]
    shares: np.ndarray
    draws: np.ndarray
    decides: bool

    @property
    def sure(self) -> int:
        """How many at the head of the order are above all that come after them, in nearly all draws."""
        if not self.decides:
            return 0
        count = len(self.settings) - 1
        above = [float((self.draws[:, i] > self.draws[:, i + 1 :].max(axis=1)).mean()) for i in range(count)]
        return next((i for i, share in enumerate(above) if share < NEARLY_ALL), count)


def importance(trials: Trials) -> Importance | None:
    """None where there are too few trials, less than two settings, no difference, or no Optuna."""
    figures = trials.figures
    if len(figures) < FEWEST or len(trials.settings) < 2 or np.std(figures) <= ROUNDING * np.abs(figures).max():
        return None
    try:
        import optuna
        import sklearn  # noqa: F401  # of the forest
    except ImportError:
        return None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    random = np.random.default_rng(0)
    trials = replace(trials, figures=(figures - figures.mean()) / figures.std())  # a forest splits no tiny variance
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is experimental in Optuna
        count = len(trials.figures)
        shares = np.array(_shares(trials, random.permutation(count)[:MOST], TREES))
        drawn = [random.integers(count, size=min(count, MOST)) for _ in range(DRAWS)]
        draws = np.array([_shares(trials, rows, TREES_OF_DRAW) for rows in drawn])
        decides = _decide(trials, random)
    order = np.argsort(-shares, kind="stable")
    return Importance([trials.settings[i] for i in order], shares[order], draws[:, order], decides)


def _shares(trials: Trials, rows: np.ndarray, trees: int) -> list[float]:
    from optuna import create_study
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances
    from optuna.trial import create_trial

    figures = trials.figures[rows]
    varied = [setting for setting in trials.settings if np.ptp(setting.values[rows]) > 0]
    if np.ptp(figures) == 0 or not varied:
        return [1 / len(trials.settings)] * len(trials.settings)
    distributions = {setting.key: _distribution(setting) for setting in varied}
    study = create_study(direction="maximize")
    study.add_trials(
        create_trial(
            params={setting.key: _value(setting, row) for setting in varied},
            distributions=distributions,
            value=float(trials.figures[row]),
        )
        for row in rows
    )
    try:
        found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(n_trees=trees, seed=0))
    except RuntimeError:  # no tree splits: what the trials differ in explains nothing
        found = dict.fromkeys(distributions, 1 / len(distributions))
    return [float(found.get(setting.key, 0.0)) for setting in trials.settings]


def _distribution(setting: Setting) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if setting.scale == "choices":
        return CategoricalDistribution(setting.choices)
    return FloatDistribution(float(setting.values.min()), float(setting.values.max()), log=setting.scale == "log")


def _value(setting: Setting, row: int) -> float | str:
    return setting.choices[int(setting.values[row])] if setting.choices else float(setting.values[row])


def _decide(trials: Trials, random: np.random.Generator) -> bool:
    """Whether the figures are predicted better than any shuffle of them: by chance, in one of 20 sweeps."""
    columns = np.hstack([_columns(setting) for setting in trials.settings])
    rows = random.permutation(len(trials.figures))[:MOST]
    figures = trials.figures[rows]
    own = _error(columns[rows], figures)
    return all(own < _error(columns[rows], random.permutation(figures)) for _ in range(SHUFFLES))


def _columns(setting: Setting) -> np.ndarray:
    """`(trials, columns)`: of choices one for each."""
    return np.eye(len(setting.choices))[setting.values.astype(int)] if setting.choices else setting.places[:, None]


def _error(columns: np.ndarray, figures: np.ndarray) -> float:
    """Mean squared error of a forest on what its trees have not seen."""
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(TREES_OF_TEST, oob_score=True, random_state=0, min_samples_leaf=2)
    forest.fit(columns, figures)
    return float(np.nanmean((forest.oob_prediction_ - figures) ** 2))


def in_words(found: Importance, names: Sequence[str]) -> str:
    """What may be said of the order; `names` of the settings, in it."""
    if not found.decides:
        return (
            "These trials do not show that the settings decide anything: their figures are predicted no better than "
            "shuffled ones. No order is claimed."
        )
    if not found.sure:
        return "Which of them decides most is not sure: the order changes with the trials that are drawn."
    if found.sure == len(names) - 1:
        return "The whole order is sure: it is the same in nearly all draws."
    head = " before ".join(names[: found.sure])
    return f"Sure is {head} before the others, the order of which is not."
