"""The differences of two configurations taken apart: what is due to the seeds, to the images, to both at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groundup.statistics.uncertainty import Uncertainty


@dataclass(frozen=True)
class Components:
    """Variances of the mean difference of two configurations, first less second, over S seeds and N images.

    Of the model d[s, i] = difference + seed[s] + image[i] + cell[s, i], all independent with means of zero (a crossed
    design with random effects), the mean over the table has the variance seed / S + image / N + cell / (S N).

    Attributes:
        difference: the mean over seeds and images.
        n_seeds: S, at least 1.
        n_images: N, at least 2.
        seeds: seed / S + cell / (S N), as if the images were always these; None of one seed.
        images: image / N + cell / (S N), as if the seeds were always these.
        image: image / N alone, which no number of seeds makes smaller; None of one seed.

    Source: J. Cornfield and J. W. Tukey, "Average values of mean squares in factorials", 1956. It is the analysis of
    several readers of the same cases in S. L. Hillis, "A comparison of denominator degrees of freedom methods for
    multiple observer ROC analysis", 2007, seeds being the readers.
    """

    difference: float
    n_seeds: int
    n_images: int
    seeds: float | None
    images: float
    image: float | None

    @property
    def over_seeds(self) -> Uncertainty | None:
        """What other seeds would change; None of one seed."""
        return None if self.seeds is None else Uncertainty(((self.seeds, self.n_seeds - 1),))

    @property
    def over_images(self) -> Uncertainty:
        """What other images would change."""
        return Uncertainty(((self.images, self.n_images - 1),))

    @property
    def over_both(self) -> Uncertainty | None:
        """What other seeds and other images would change; None of one seed."""
        if self.seeds is None or self.image is None:
            return None
        return Uncertainty(((self.seeds, self.n_seeds - 1), (self.image, self.n_images - 1)))


def components_of(first: NDArray, second: NDArray) -> Components:
    """The components of two configurations with the same seeds on the same images, from what they had right.

    To the squares over images a 1 is added, as of two images, one that the first alone has right and one that the
    second alone has right, half of each: of few images a handful of disagreements would else seem surer than it is.

    Source: A. Agresti and Y. Min, "Simple improved confidence intervals for comparing matched proportions", 2005.

    Args:
        first: (S, N), 1 where an image is right and 0 where it is wrong; a share where a row is of several runs.
        second: likewise.

    Raises:
        ValueError: the shapes differ, there are no seeds, or fewer than two images.
    """
    if first.shape != second.shape or first.ndim != 2 or first.shape[0] < 1 or first.shape[1] < 2:
        raise ValueError(f"{first.shape} and {second.shape}: must both be (seeds, images), at least (1, 2)")
    n_seeds, n_images = first.shape
    differences = np.subtract(first, second, dtype=np.float32)
    by_seed, by_image = differences.mean(axis=1, dtype=np.float64), differences.mean(axis=0, dtype=np.float64)
    mean = float(by_seed.mean())
    squares_of_images = float(np.sum((by_image - mean) ** 2))
    images = (squares_of_images + 1) / (n_images * (n_images - 1))
    if n_seeds == 1:
        return Components(mean, n_seeds, n_images, None, images, None)
    squares_of_seeds = float(np.sum((by_seed - mean) ** 2))
    seeds = squares_of_seeds / (n_seeds * (n_seeds - 1))
    all_squares = float(np.sum(np.square(differences), dtype=np.float64)) - n_seeds * n_images * mean**2
    of_cells = max(all_squares - n_seeds * squares_of_images - n_images * squares_of_seeds, 0.0)
    cells = of_cells / ((n_seeds - 1) * (n_images - 1) * n_seeds * n_images)
    return Components(mean, n_seeds, n_images, seeds, images, max(images - cells, 1 / n_images**2))
