"""What runs leave to compare configurations by: a figure of each, and what it answered to each test image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groundup.printable import printable, shortened
from groundup.rundir.figure import number_in
from groundup.rundir.jobs import FrozenJob
from groundup.rundir.plain import Unreadable
from groundup.rundir.predictions import Predictions, read_predictions
from groundup.rundir.replicates import Replicate, replicate_of
from groundup.rundir.state import JobState
from groundup.statistics.comparison import Comparison, compare_answers, compare_figures

ANSWERED = "test/acc"  # the figure that predictions are of
NO_SEED = "they have no seed in common"
SHOWN = 8  # seeds that a sentence names
LONGEST = 300  # characters of a reason
_ROUNDING = 1e-6  # of a figure that was computed in single precision


@dataclass(frozen=True, eq=False)
class Evidence:
    """Of a finished run.

    Attributes:
        replicate: its seed and its fold.
        data: the name of its data set.
        figure: what it came to.
        asked: the images of its test, in the place of predictions their true classes: the probabilities of a thousand
            runs would fill the memory. None where they are not known, or where the figure is not of the test.
        right: (N,), which were answered rightly; None where the figure is not their share, or that is not known.
        missing: why it is not, in words.
    """

    replicate: Replicate
    data: str | None
    figure: float
    asked: Predictions | None
    right: NDArray[np.bool_] | None
    missing: str = ""


@dataclass(frozen=True)
class Held:
    """Two configurations held against each other.

    Attributes:
        comparison: of the first less the second; None where they are not compared.
        pairs: by seed, the figures of both.
        why: why they are not compared, or why not by test images, in words.
        seeds: the larger number of seeds that one of them has, in common or not.
        in_common: what both have, in words, where one has a seed or a fold that the other lacks.
    """

    comparison: Comparison | None
    pairs: dict[int, tuple[float, float]]
    why: str = ""
    seeds: int = 0
    in_common: str = ""


def evidence_of(
    jobs: Iterable[tuple[FrozenJob, JobState, Path]], metric: str, tests: list[Predictions]
) -> list[Evidence]:
    """What the finished ones of these runs leave, those without a seed or this figure left out.

    Args:
        jobs: with what became of them, and where.
        metric: the figure.
        tests: that runs were asked, each once; what others were asked is added.
    """
    found = []
    for job, state, directory in jobs:
        seed, figure = state.results.get("seed", job.config.get("seed")), number_in(state.results, metric)
        if state.status != "finished" or figure is None or not isinstance(seed, int):
            continue
        data = job.config.get("data")
        name = data.get("name") if isinstance(data, dict) else None
        asked, right, missing = None, None, f"predictions say nothing of {metric}"
        if metric.startswith("test"):
            asked, right, why = _answers(directory, number_in(state.results, ANSWERED), tests)
            right, missing = (right, why) if metric == ANSWERED else (None, missing)
        replicate = Replicate(seed, *replicate_of(job.config)[1:])
        found.append(Evidence(replicate, None if name is None else str(name), figure, asked, right, missing))
    return found


def _answers(
    run_dir: Path, accuracy: float | None, tests: list[Predictions]
) -> tuple[Predictions | None, NDArray[np.bool_] | None, str]:
    """What a run was asked, and what it had right, if that comes to its accuracy; else why it is not known."""
    try:
        found = read_predictions(run_dir, "test")
    except Unreadable as error:
        return None, None, _in_one_line(f"{run_dir.name}: {error}")
    if found is None:
        return None, None, "not all runs keep their predictions"
    if not len(found.true) or (accuracy is not None and abs(found.right.mean() - accuracy) > _ROUNDING):
        return None, None, _in_one_line(f"{run_dir.name}: its predictions do not come to its {ANSWERED}")
    asked = next((test for test in tests if test.difference(found) is None), None)
    if asked is None:
        asked = replace(found, predicted=found.true, probabilities=None, doubt=None, likelihood=None)
        tests.append(asked)
    if len(found.true) < 2:
        return asked, None, "one image is no sample of test images"
    return asked, found.right, ""


def hold(first: Sequence[Evidence], second: Sequence[Evidence]) -> Held:
    """Compares two configurations over the seeds that both have; of the folds of a seed, and of runs alike, the mean.

    Folds of one seed share most of their training images, so that they are no further seeds. Each is held against the
    same fold, unless the two have other numbers of folds.
    """
    ones, others = _in_common(first, second)
    if not ones:
        return Held(None, {}, NO_SEED)
    if why := _other_questions(ones, others):
        return Held(None, {}, why)
    figures, other_figures = (_by_seed(runs, lambda run: run.figure) for runs in (ones, others))
    pairs = {seed: (float(figures[seed]), float(other_figures[seed])) for seed in figures}
    if why := _without_answers([*ones, *others]):
        comparison = compare_figures([one for one, _ in pairs.values()], [other for _, other in pairs.values()])
    else:
        comparison = compare_answers(_answers_by_seed(ones), _answers_by_seed(others))
    if max(len(ones), len(others)) > len(pairs):  # means of several runs vary less than one run does
        comparison = replace(comparison, beats=None)
    seeds = max(len({run.replicate.seed for run in runs}) for runs in (first, second))
    is_part = len(ones) < len(first) or len(others) < len(second)
    return Held(comparison, pairs, why, seeds, _in_words(ones, first, second) if is_part else "")


def _in_words(common: Sequence[Evidence], first: Sequence[Evidence], second: Sequence[Evidence]) -> str:
    """The seeds of these runs, in their order; their folds where it is one of those that is lacking."""
    seeds = sorted({run.replicate.seed for run in common if run.replicate.seed is not None})
    said = _listed("seed", seeds)
    if all({run.replicate.seed for run in runs} == {*seeds} for runs in (first, second)):
        folds = [{run.replicate.fold for run in common if run.replicate.seed == seed} for seed in seeds]
        if all(each == folds[0] for each in folds):
            return f"{_listed('fold', sorted(fold for fold in folds[0] if fold is not None))} of {said}"
        return f"the folds of {said}"
    return said


def _listed(what: str, numbers: Sequence[int]) -> str:
    """`seed 1`, `seeds 0, 1 and 2`; of many, how many there are."""
    if len(numbers) > SHOWN:
        return f"{len(numbers)} {what}s"
    *others, last = map(str, numbers)
    return f"{what}s {', '.join(others)} and {last}" if others else f"{what} {last}"


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
    return np.stack([*_by_seed(runs, lambda run: () if run.right is None else run.right).values()])


def _other_questions(ones: Sequence[Evidence], others: Sequence[Evidence]) -> str:
    """Why the figures of these runs are of different things; nothing where they are not."""
    runs = [*ones, *others]
    named = list(dict.fromkeys(run.data for run in runs if run.data is not None))
    if len(named) > 1:
        return _in_one_line(f"they are of different data, {named[0]} and {named[1]}")
    asked = [run.asked for run in runs if run.asked]
    other = next((each for each in asked if _kind(each) != _kind(asked[0])), None)
    if other:
        return _in_one_line(f"their predictions are not of one test: {asked[0].difference(other)}")
    if sizes := _other_sizes(ones, others):
        return f"their predictions are not of one test: {sizes}"
    tests = [{id(run.asked): run.asked for run in side if run.asked} for side in (ones, others)]
    if any(len(side) != 1 for side in tests):  # drawn anew by each seed, whose differences then have it in them
        return ""
    [one], [another] = (side.values() for side in tests)
    return (
        "" if np.array_equal(_class_sizes(one), _class_sizes(another)) else "their predictions are of other test images"
    )


def _in_one_line(why: str) -> str:
    """Of names that may be anybody's: a line of their own could pass for a verdict."""
    return printable(shortened(why, LONGEST))


def _kind(test: Predictions) -> tuple[str, tuple[str, ...]]:
    return test.data, test.classes


def _other_sizes(ones: Sequence[Evidence], others: Sequence[Evidence]) -> str:
    """Numbers of test images where they differ; those of the folds of a data module of somebody else's may."""
    sides = [{(run.replicate, len(run.asked.true)) for run in side if run.asked} for side in (ones, others)]
    replicates = [{replicate for replicate, _ in side} for side in sides]
    one, another = sides if replicates[0] == replicates[1] else [{(None, size) for _, size in side} for side in sides]
    if not one or not another or one == another:
        return ""
    first, second = (max(size for _, size in side) for side in (one - another or one, another - one or another))
    return f"{first:,} and {second:,} images"


def _class_sizes(test: Predictions) -> NDArray[np.int64]:
    return np.bincount(test.true, minlength=len(test.classes))


def _without_answers(runs: Sequence[Evidence]) -> str:
    """Why these runs cannot be compared image by image; nothing where they can."""
    if missing := next((run.missing for run in runs if run.right is None), ""):
        return missing
    [first, *others] = [run.asked for run in runs if run.asked]
    return next((f"their predictions are of {why}" for other in others if (why := first.difference(other))), "")
