"""All that is said of two configurations, the first less the second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groundup.statistics.beats import beats
from groundup.statistics.components import components_of
from groundup.statistics.more_seeds import more_seeds, smallest_settled
from groundup.statistics.uncertainty import Uncertainty

Interval = tuple[float, float]
LEVEL = 0.05  # the p-value that settles
ROUNDING = 1e-9


@dataclass(frozen=True)
class Comparison:
    """The mean difference of a figure and how sure it is.

    Attributes:
        difference: over seeds and images.
        n_seeds: that both have.
        n_images: of the test; None where it is not known what was answered to each.
        over_seeds: the interval for other seeds and these images; None of one seed, and of equal differences.
        over_images: for other images and these seeds; None where the answers are not known.
        over_both: for other seeds and other images, and no narrower than either alone, though seeds that agree by
            chance make the estimate of both together less than that of the images; None of one seed, and where the
            answers are not known.
        beats: the probability that one run of the first has the higher figure than one of the second, and its interval.
        p_value: the largest of those over images and over both; over seeds alone where the answers are not known; None
            where there is no interval over seeds: nothing is settled.
        variance_of_seeds: of the difference of one pair of runs on these images; None where there is no interval over
            seeds.
        variance_of_images: of the mean difference, were there any number of seeds; 0 where the answers are not known.
        variance_of_answers: that of one pair of runs adds to it, as single answers differ between them; 0 likewise.
    """

    difference: float
    n_seeds: int
    n_images: int | None
    over_seeds: Interval | None
    over_images: Interval | None
    over_both: Interval | None
    beats: tuple[float, Interval] | None
    p_value: float | None
    variance_of_seeds: float | None
    variance_of_images: float
    variance_of_answers: float = 0.0

    @property
    def intervals(self) -> tuple[Interval | None, Interval | None, Interval | None]:
        """Over seeds, over images, over both."""
        return self.over_seeds, self.over_images, self.over_both

    def more_seeds(self, level: float = LEVEL) -> int | None:
        """How many more seeds would settle it; None where none would, or where nothing is known of other seeds."""
        if self.variance_of_seeds is None:
            return None
        return more_seeds(
            self.difference,
            self.n_seeds,
            self.variance_of_seeds,
            self.n_images,
            self.variance_of_images,
            level,
            self.variance_of_answers,
        )

    def smallest_settled(self, level: float = LEVEL) -> float:
        """The difference that these images settle with any number of seeds; 0 where the answers are not known."""
        return smallest_settled(self.n_images, self.variance_of_images, level) if self.n_images else 0.0


def compare_answers(first: NDArray, second: NDArray) -> Comparison:
    """Compares by what was right.

    Args:
        first: (S, N), 1 where an image is right and 0 where it is wrong, or a share; the same seeds and images in both.
        second: likewise.

    Raises:
        ValueError: the shapes do not go together.
    """
    found = components_of(first, second)
    images, both = found.over_images, found.over_both
    differ = found.seeds is not None and found.seeds > ROUNDING**2  # else they are equal by chance, not for certain
    seeds = found.over_seeds if differ else None
    p_values = [source.p_value(found.difference) for source in (images, both) if source]
    return Comparison(
        found.difference,
        found.n_seeds,
        found.n_images,
        seeds.interval(found.difference) if seeds else None,
        images.interval(found.difference),
        max(images.interval(found.difference), both.interval(found.difference), key=_width) if both else None,
        beats(first.mean(axis=1, dtype=np.float64), second.mean(axis=1, dtype=np.float64)),
        max(p_values) if both else None,
        found.seeds * found.n_seeds if differ and found.seeds else None,
        found.image or 0.0,
        0.0 if found.image is None else (found.images - found.image) * found.n_seeds,
    )


def _width(interval: Interval) -> float:
    return interval[1] - interval[0]


def compare_figures(first: Sequence[float], second: Sequence[float]) -> Comparison:
    """Compares by a figure of each run, where it is not known what was answered to each image.

    Args:
        first: by seed, at least one.
        second: of the same seeds.
    """
    differences = np.subtract(first, second)
    if differences.ndim != 1 or not differences.size:
        raise ValueError(f"figures of shape {differences.shape}: must be (seeds,), at least 1")
    mean, n_seeds = float(differences.mean()), differences.size
    variance = float(differences.var(ddof=1)) if n_seeds > 1 else 0.0
    if variance <= ROUNDING**2:  # equal by chance, being whole numbers of images: it says nothing of the next seed
        return Comparison(mean, n_seeds, None, None, None, None, None, None, None, 0.0)
    seeds = Uncertainty(((variance / n_seeds, n_seeds - 1),))
    interval, chance = seeds.interval(mean), beats(first, second)
    return Comparison(mean, n_seeds, None, interval, None, None, chance, seeds.p_value(mean), variance, 0.0)
