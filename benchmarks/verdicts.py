"""Whether verdicts keep their promises: `python benchmarks/verdicts.py [--sweeps 2000] [--only TABLE] [--runs DIR]`.

Sweeps are simulated whose truth is known. Run s of configuration c has image i right where

    mean[c] + seed[c, s] + hard[i] + own[c, i] + noise[c, s, i] > 0

with normally distributed terms. An image that is hard is hard for all (a deviation of 3 against 1 of `own` and of
`noise`: two runs of a configuration of 94 % then disagree on 4 % of the images). What is true over all seeds, over all
images and over both is known in closed form. Test images are 10,000, validation images 5,000; both splits share the
seeds, and so their luck. The first configuration is better than the others, which are equals, by the effect.

`coverage`: of the first two of every sweep, how often the 95 % intervals hold the truth (goal: 93 to 97 %); and what
two other methods would have done, Satterthwaite's degrees of freedom and a two-way bootstrap.

`better`: how often "better" is said falsely, of any pair, by the configuration that validation picked (goal: at most
5 %), by Holm's correction over all pairs (ours), over the comparisons with the best, and by none; and how often the
better one is found to be better.

`seeds`: how often so many more seeds as were named settle it, where the difference is what it was found to be.

`halves`, with `--runs DIR` of a sweep over many seeds of one configuration: some of its runs against as many others,
drawn at random. They are of one configuration, so that "better" is false and 0 is the truth. Such a sweep is made by

    python train.py -m hydra/launcher=stacked model=mlp data=mnist 'seed=range(60)' trainer.max_epochs=1
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from groundup.rundir.jobs import read_jobs
from groundup.rundir.predictions import read_predictions
from groundup.statistics.comparison import LEVEL, Comparison, compare_answers
from groundup.statistics.components import Components, components_of
from groundup.statistics.holm import holm
from groundup.statistics.more_seeds import more_seeds

HARD, OWN, NOISE = 3.0, 1.0, 1.0
TEST, VALIDATION = 10_000, 5_000
RESAMPLES = 400


@dataclass(frozen=True)
class Setting:
    """What is simulated: accuracies and the deviation over seeds are in 0..1."""

    configurations: int
    seeds: int
    accuracy: float
    effect: float
    deviation: float
    images: int = TEST

    @property
    def seed_scale(self) -> float:
        """Of `seed`, so that accuracies deviate as asked."""
        within = math.sqrt(NOISE**2 + HARD**2 + OWN**2)
        slope = math.exp(-(ndtri(self.accuracy) ** 2) / 2) / math.sqrt(2 * math.pi) / within
        return self.deviation / slope

    @property
    def truth(self) -> NDArray:
        return self.accuracy + np.where(np.arange(self.configurations) == 0, self.effect, 0.0)

    def __str__(self) -> str:
        return (
            f"k={self.configurations:2d} seeds={self.seeds:2d} accuracy={self.accuracy:.1%} images={self.images:5d} "
            f"effect={100 * self.effect:.2f} sd={100 * self.deviation:.2f}"
        )


@dataclass(frozen=True)
class Sweep:
    """One of its kind, with what is true of the first two: over other seeds, over other images, over both."""

    test: NDArray  # (configurations, seeds, images), what is right
    validation: NDArray
    over_seeds: float
    over_images: float
    over_both: float


def simulate(setting: Setting, rng: np.random.Generator) -> Sweep:
    scale, shape = setting.seed_scale, (setting.configurations, setting.seeds)
    of_all = math.sqrt(NOISE**2 + HARD**2 + OWN**2 + scale**2)
    means = ndtri(setting.truth)[:, None] * of_all
    runs = means + scale * rng.standard_normal(shape)
    images = _images(setting.configurations, setting.images, rng)
    given_images = ndtr((means[:2] + images[:2]) / math.sqrt(NOISE**2 + scale**2)).mean(axis=1)
    given_seeds = ndtr(runs[:2] / math.sqrt(NOISE**2 + HARD**2 + OWN**2)).mean(axis=1)
    return Sweep(
        _right(runs, images, rng),
        _right(runs, _images(setting.configurations, VALIDATION, rng), rng),
        given_images[0] - given_images[1],
        given_seeds[0] - given_seeds[1],
        setting.truth[0] - setting.truth[1],
    )


def _images(configurations: int, number: int, rng: np.random.Generator) -> NDArray:
    hard = HARD * rng.standard_normal(number, dtype=np.float32)
    return hard + OWN * rng.standard_normal((configurations, number), dtype=np.float32)


def _right(runs: NDArray, images: NDArray, rng: np.random.Generator) -> NDArray:
    noise = rng.standard_normal((*runs.shape, images.shape[1]), dtype=np.float32)
    noise += images[:, None, :]
    return noise > -runs[:, :, None].astype(np.float32)


# Coverage


def coverage(setting: Setting, sweeps: int, rng: np.random.Generator) -> dict[str, float]:
    """In percent, of each interval; the bootstrap's of a tenth of the sweeps."""
    covered: dict[str, list[bool]] = {}
    for number in range(sweeps):
        sweep = simulate(setting, rng)
        found = compare_answers(sweep.test[0], sweep.test[1])
        parts = components_of(sweep.test[0], sweep.test[1])
        intervals = {
            "seeds": (found.over_seeds, sweep.over_seeds),
            "images": (found.over_images, sweep.over_images),
            "both": (found.over_both, sweep.over_both),
            "satterthwaite": (satterthwaite(parts), sweep.over_both),
        }
        if number % 10 == 0:
            intervals["bootstrap"] = bootstrap(sweep.test, rng), sweep.over_both
        for name, (interval, truth) in intervals.items():
            if interval is not None:
                covered.setdefault(name, []).append(interval[0] <= truth <= interval[1])
    return {name: 100 * float(np.mean(each)) for name, each in covered.items()}


def satterthwaite(parts: Components) -> tuple[float, float]:
    """The sum of both variances with a single number of degrees of freedom."""
    assert parts.seeds is not None
    assert parts.image is not None
    total = parts.seeds + parts.image
    degrees = total**2 / (parts.seeds**2 / (parts.n_seeds - 1) + parts.image**2 / (parts.n_images - 1))
    half = float(stdtrit(degrees, 0.975)) * math.sqrt(total)
    return parts.difference - half, parts.difference + half


def bootstrap(test: NDArray, rng: np.random.Generator) -> tuple[float, float]:
    """Seeds drawn with replacement, images weighted by exponentials; the middle 95 % of the mean differences."""
    differences = test[0].astype(np.float32) - test[1]
    n_seeds, n_images = differences.shape
    images = rng.standard_exponential((RESAMPLES, n_images), dtype=np.float32)
    drawn = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), RESAMPLES) / n_seeds
    images /= images.sum(axis=1, keepdims=True)
    means = ((images @ differences.T) * drawn).sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


# False "better"


def better(setting: Setting, sweeps: int, rng: np.random.Generator) -> dict[str, float]:
    """In percent of the sweeps: false ones by each correction; of true ones, how many are found by ours."""
    k, truth = setting.configurations, setting.truth
    counts = dict.fromkeys(("all pairs", "with the best", "none", "found", "picked"), 0.0)
    for _ in range(sweeps):
        sweep = simulate(setting, rng)
        picked = int(sweep.validation.mean(axis=(1, 2)).argmax())
        others = [other for other in range(k) if other != picked]
        found = [compare_answers(sweep.test[picked], sweep.test[other]) for other in others]
        p_values = [each.p_value if each.p_value is not None else 1.0 for each in found]
        signs = np.array([each.difference > 0 for each in found])
        false = np.where(signs, truth[picked] <= truth[others], truth[others] <= truth[picked])
        corrected = {"all pairs": holm(p_values, math.comb(k, 2)), "with the best": holm(p_values), "none": p_values}
        for name, each in corrected.items():
            counts[name] += bool(np.any((np.array(each) <= LEVEL) & false))
        counts["found"] += float(np.mean((np.array(corrected["all pairs"]) <= LEVEL) & ~false))
        counts["picked"] += picked == 0
    return {name: 100 * count / sweeps for name, count in counts.items()}


# More seeds


def seeds(setting: Setting, sweeps: int, rng: np.random.Generator) -> dict[str, float]:
    """In percent, how often the number of seeds that follows from the true variances settles it on the same images."""
    parts = [components_of(*simulate(setting, rng).test) for _ in range(50)]
    of_seeds = float(np.mean([part.seeds * part.n_seeds for part in parts if part.seeds is not None]))
    of_images = float(np.mean([part.image for part in parts if part.image is not None]))
    more = more_seeds(setting.effect, setting.seeds, of_seeds, setting.images, of_images, LEVEL)
    if more is None:
        return {"more": math.inf}
    enough = Setting(2, setting.seeds + more, setting.accuracy, setting.effect, setting.deviation, setting.images)
    settled = [_settled_at_the_effect(simulate(enough, rng), setting.effect) for _ in range(sweeps)]
    return {"more": more, "settled": 100 * float(np.mean(settled))}


def _settled_at_the_effect(sweep: Sweep, effect: float) -> bool:
    """Whether it is settled, had these images shown the effect as it is."""
    found: Comparison = compare_answers(sweep.test[0], sweep.test[1])
    assert found.over_both is not None
    half = (found.over_both[1] - found.over_both[0]) / 2
    return found.difference - sweep.over_seeds + effect > half


# Real runs


def halves(sweep_dir: Path, draws: int) -> Iterator[str]:
    """By the number of runs of each side: false claims, and how often the interval over seeds holds 0."""
    found = [read_predictions(sweep_dir / job.folder, "test") for job in read_jobs(sweep_dir)]
    right = np.stack([each.right for each in found if each is not None])
    spread = 100 * right.mean(axis=1).std(ddof=1)
    yield f"halves  {len(right)} runs of {right.shape[1]} images, accuracy {right.mean():.2%}, sd {spread:.3f} points"
    rng = np.random.default_rng(0)
    for size in (2, 3, 5, 10, 20, 30):
        if 2 * size > len(right):
            return
        orders = [rng.permutation(len(right)) for _ in range(draws)]
        pairs = [compare_answers(right[order[:size]], right[order[size : 2 * size]]) for order in orders]
        false = np.mean([pair.p_value is not None and pair.p_value <= LEVEL for pair in pairs])
        covered = np.mean([pair.over_seeds is None or np.prod(pair.over_seeds) <= 0 for pair in pairs])
        yield f"halves  {size:2d} against {size:2d}: better {false:.1%}, interval over seeds holds 0 in {covered:.1%}"


COVERAGE = [
    *(Setting(2, seeds, 0.94, 0.003, deviation) for deviation in (0.001, 0.005) for seeds in (2, 3, 5, 10)),
    *(Setting(2, seeds, 0.995, 0.001, 0.0002) for seeds in (3, 5)),
    *(Setting(2, seeds, 0.94, 0.01, 0.002, 360) for seeds in (3, 5)),
    *(Setting(2, 5, 0.94, effect, 0) for effect in (0, 0.01)),
]
BETTER = [
    *(Setting(k, 5, 0.94, 0, 0.001) for k in (2, 5, 20)),
    *(Setting(k, seeds, 0.94, 0, 0.01) for seeds in (3, 5) for k in (2, 5, 20)),
    *(Setting(k, 5, 0.995, 0, 0.0002) for k in (2, 5, 20)),
    *(Setting(k, 5, 0.94, 0.01, 0.001) for k in (2, 5, 20)),
]
SEEDS = [Setting(2, 3, 0.94, effect, 0.001) for effect in (0.002, 0.004, 0.006)]
Measure = Callable[[Setting, int, np.random.Generator], dict[str, float]]
TABLES: dict[str, tuple[Measure, Sequence[Setting]]] = {
    "coverage": (coverage, COVERAGE),
    "better": (better, BETTER),
    "seeds": (seeds, SEEDS),
}


def lines(name: str, sweeps: int) -> Iterator[str]:
    measure, settings = TABLES[name]
    for number, setting in enumerate(settings):
        began = time.perf_counter()
        figures = measure(setting, sweeps, np.random.default_rng(number))
        words = "  ".join(f"{key} {value:.1f}" for key, value in figures.items())
        yield f"{name}  {setting}  {words}  ({time.perf_counter() - began:.0f} s)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=2000, help="of each setting")
    parser.add_argument("--only", choices=TABLES)
    parser.add_argument("--runs", type=Path, help="a sweep over seeds, for `halves` alone")
    asked = parser.parse_args()
    if asked.runs is not None:
        for line in halves(asked.runs, asked.sweeps):
            print(line, flush=True)
        return
    for name in TABLES if asked.only is None else (asked.only,):
        for line in lines(name, asked.sweeps):
            print(line, flush=True)


if __name__ == "__main__":
    main()
