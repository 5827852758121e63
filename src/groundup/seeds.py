"""From several whole numbers, such as a seed, an epoch and a step, to the seed of one stream of random numbers.

Two ways, for two places: `mix_seed` costs a microsecond and is called at every step, `seed_from` is NumPy's own and is
called once an epoch. They stay two because what they give decides the figures of every run that has been, and of every
one that is resumed.
"""

from __future__ import annotations

import numpy as np

_GOLDEN = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: spreads consecutive numbers over all 64 bits


def mix_seed(*numbers: int) -> int:
    """One 63-bit seed from several numbers; neighbours give unrelated seeds (splitmix64, Steele et al. 2014)."""
    state = 0
    for number in numbers:
        state = (state + number + _GOLDEN) & 0xFFFFFFFFFFFFFFFF
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 31
    return state >> 1


def seed_from(*numbers: int) -> int:
    """Mixes whole numbers, such as a seed and an epoch, into the seed of an independent stream of random numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
