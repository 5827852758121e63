"""Many comparisons at once: p-values that hold for all of them."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float], family: int | None = None) -> list[float]:
    """The p-values after Holm's correction: a comparison is settled at a level where its own is at most the level.

    The probability that one or more of those without a difference are called settled is then at most the level, however
    the comparisons depend on one another.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", 1979.

    Args:
        p_values: of the comparisons.
        family: how many comparisons there could have been, of which these were chosen; else as many as there are.
    """
    family = len(p_values) if family is None else family
    if family < len(p_values):
        raise ValueError(f"family={family}: must be at least the number of p-values, {len(p_values)}")
    adjusted, largest = [1.0] * len(p_values), 0.0
    for step, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (family - step) * p_values[place]))
        adjusted[place] = largest
    return adjusted
