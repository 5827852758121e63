"""What runs leave to compare configurations by: a figure of each, and what it answered to each test image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groundup.rundir.figure import number_in
from groundup.rundir.jobs import FrozenJob
from groundup.rundir.plain import Unreadable
from groundup.rundir.predictions import Predictions, read_predictions
from groundup.rundir.replicates import Replicate, replicate_of
from groundup.rundir.state import JobState
from groundup.statistics.comparison import Comparison, compare_answers, compare_figures

ANSWERED = "test/acc"  # the figure that predictions are of
NO_SEED = "they have no seed in common"
_ROUNDING = 1e-6  # of a figure that was computed in single precision


@dataclass(frozen=True, eq=False)
class Answers:
    """What is compared of the predictions of a run: the probabilities of a thousand runs would fill the memory.

    Attributes:
        asked: the images, in the place of predictions their true classes.
        right: (N,), which were answered rightly.
    """

    asked: Predictions
    right: NDArray[np.bool_]

    @property
    def test(self) -> tuple[str, tuple[str, ...], int]:
        return self.asked.data, self.asked.classes, len(self.right)


@dataclass(frozen=True)
class Evidence:
    """Of a finished run.

    Attributes:
        replicate: its seed and its fold.
        data: the name of its data set.
        figure: what it came to.
        answers: to the images of the test; None where they are not kept, or not those of the figure.
        missing: why there are none, in words.
    """

    replicate: Replicate
    data: str | None
    figure: float
    answers: Answers | None
    missing: str = ""


@dataclass(frozen=True)
class Held:
    """Two configurations held against each other.

    Attributes:
        comparison: of the first less the second; None where they are not compared.
        pairs: by seed, the figures of both.
        why: why they are not compared, or why not by test images, in words.
    """

    comparison: Comparison | None
    pairs: dict[int, tuple[float, float]]
    why: str = ""


def evidence_of(jobs: Iterable[tuple[FrozenJob, JobState, Path]], metric: str) -> list[Evidence]:
    """What the finished ones of these runs leave, those without a seed or this figure left out."""
    found = []
    for job, state, directory in jobs:
        seed, figure = state.results.get("seed", job.config.get("seed")), number_in(state.results, metric)
        if state.status != "finished" or figure is None or not isinstance(seed, int):
            continue
        data = job.config.get("data")
        name = data.get("name") if isinstance(data, dict) else None
        answers, missing = None, f"predictions say nothing of {metric}"
        if metric == ANSWERED:
            answers, missing = _answers(directory, figure)
        replicate = Replicate(seed, *replicate_of(job.config)[1:])
        found.append(Evidence(replicate, None if name is None else str(name), figure, answers, missing))
    return found


def _answers(run_dir: Path, accuracy: float) -> tuple[Answers | None, str]:
    """The answers of a run, if they come to its accuracy."""
    try:
        found = read_predictions(run_dir, "test")
    except Unreadable as error:
        return None, f"{run_dir.name}: {error}"
    if found is None:
        return None, "not all runs keep their predictions"
    if not len(found.true) or abs(found.right.mean() - accuracy) > _ROUNDING:
        return None, f"{run_dir.name}: its predictions do not come to its {ANSWERED}"
    asked = replace(found, predicted=found.true, probabilities=None, doubt=None, likelihood=None)
    return Answers(asked, found.right), ""


def hold(first: Sequence[Evidence], second: Sequence[Evidence]) -> Held:
    """Compares two configurations over the seeds that both have; of the folds of a seed, and of runs alike, the mean.

    Folds of one seed share most of their training images, so that they are no further seeds. Each is held against the
    same fold, unless the two have other numbers of folds.
    """
    ones, others = _in_common(first, second)
    if not ones:
        return Held(None, {}, NO_SEED)
    if why := _other_questions([*ones, *others]):
        return Held(None, {}, why)
    figures, other_figures = (_by_seed(runs, lambda run: run.figure) for runs in (ones, others))
    pairs = {seed: (float(figures[seed]), float(other_figures[seed])) for seed in figures}
    if why := _without_answers([*ones, *others]):
        comparison = compare_figures([one for one, _ in pairs.values()], [other for _, other in pairs.values()])
    else:
        comparison = compare_answers(_answers_by_seed(ones), _answers_by_seed(others))
    if any(run.replicate.fold is not None for run in [*ones, *others]):  # what is compared is no figure of one run
        comparison = replace(comparison, beats=None)
    return Held(comparison, pairs, why)


def _in_common(first: Sequence[Evidence], second: Sequence[Evidence]) -> tuple[list[Evidence], list[Evidence]]:
    """The runs of the seeds that both have; of equally many folds, those of the folds that both have."""
    cuts = [{run.replicate.folds for run in runs} for runs in (first, second)]
    of_folds = cuts[0] == cuts[1]

    def key(run: Evidence) -> Replicate:
        return run.replicate if of_folds else Replicate(run.replicate.seed)

    common = {key(run) for run in first} & {key(run) for run in second}
    return [run for run in first if key(run) in common], [run for run in second if key(run) in common]


def _by_seed(runs: Sequence[Evidence], value: Callable[[Evidence], ArrayLike]) -> dict[int, NDArray]:
    """By seed, the mean over its folds; of a fold, the mean over runs alike."""
    alike: dict[Replicate, list[NDArray]] = {}
    for run in runs:
        alike.setdefault(run.replicate, []).append(np.asarray(value(run), np.float64))
    by_seed: dict[int, list[NDArray]] = {}
    for replicate, same in alike.items():
        assert replicate.seed is not None
        by_seed.setdefault(replicate.seed, []).append(np.mean(same, axis=0))
    return {seed: np.mean(by_seed[seed], axis=0) for seed in sorted(by_seed)}


def _answers_by_seed(runs: Sequence[Evidence]) -> NDArray:
    """(seeds, images), the share of runs that had the image right."""
    return np.stack([*_by_seed(runs, lambda run: run.answers.right if run.answers else ()).values()])


def _other_questions(runs: Sequence[Evidence]) -> str:
    """Why the figures of these runs are of different things; nothing where they are not."""
    named = list(dict.fromkeys(run.data for run in runs if run.data is not None))
    if len(named) > 1:
        return f"they are of different data, {named[0]} and {named[1]}"
    answers = [run.answers for run in runs if run.answers]
    other = next((each for each in answers if each.test != answers[0].test), None)
    return f"their predictions are not of one test: {answers[0].asked.difference(other.asked)}" if other else ""


def _without_answers(runs: Sequence[Evidence]) -> str:
    """Why these runs cannot be compared image by image; nothing where they can."""
    if missing := next((run.missing for run in runs if run.answers is None), ""):
        return missing
    [first, *others] = [run.answers.asked for run in runs if run.answers]
    return next((f"their predictions are of {why}" for other in others if (why := first.difference(other))), "")
