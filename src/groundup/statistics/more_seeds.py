"""How many more seeds settle a difference that so few do not."""

from __future__ import annotations

import math

from scipy.special import ndtri, stdtrit

POWER = 0.8
MOST = 1000


def more_seeds(
    difference: float,
    n_seeds: int,
    of_seeds: float,
    n_images: int | None,
    of_images: float,
    level: float,
    of_answers: float = 0.0,
) -> int | None:
    """The smallest number of further seeds after which the interval most probably excludes zero.

    The difference is taken for what any number of seeds would come to on these images. With S seeds the mean then lies
    around it with a variance of `of_seeds` / S, and the interval is as in `uncertainty`. It excludes zero with a
    probability of `POWER` or more, and so does the one for other images alone.

    Args:
        difference: as it was found.
        n_seeds: that there are.
        of_seeds: the variance of the difference of two runs.
        n_images: of the test, None where it is not known what images do.
        of_images: the variance of the mean difference that they leave, however many seeds there are.
        level: of the p-value that settles.
        of_answers: what the answers of one pair of runs add to that variance.

    Returns:
        None where `MOST` are too few.
    """

    def settle(seeds: int) -> bool:
        of_mean = of_seeds / seeds
        reach = math.hypot(
            float(stdtrit(seeds - 1, 1 - level / 2)) * math.sqrt(of_mean), smallest_settled(n_images, of_images, level)
        )
        alone = smallest_settled(n_images, of_images + of_answers / seeds, level)
        return abs(difference) >= max(reach, alone) + float(ndtri(POWER)) * math.sqrt(of_mean)

    low, high = n_seeds + 1, n_seeds + MOST
    if not settle(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if settle(middle) else (middle + 1, high)
    return low - n_seeds


def smallest_settled(n_images: int | None, of_images: float, level: float) -> float:
    """The difference below which no number of seeds settles anything on so many images."""
    return float(stdtrit(n_images - 1, 1 - level / 2)) * math.sqrt(of_images) if n_images else 0.0
