"""How noisy a label is before and after each block. Time runs from noise, t = 0, to the label, t = T.

The paper writes a product that goes up to T, so `signal` grows with t, against the usual direction in diffusion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

MAX_SIGNAL = (
    0.999  # of the last level: at 1 the ratio of signal to noise, and with it the last block's weight, has no end
)


def cosine_signal(blocks: int, offset: float = 0.008, most: float = MAX_SIGNAL) -> list[float]:
    """The share of variance that is signal at t = 0 .. T: abar_t = cos^2(pi/2 (1 - t/T + offset) / (1 + offset)).

    Nichol and Dhariwal 2021, equation 17, with time turned round. The paper says "cosine" and no more.

    Args:
        blocks: T; of more than 64 the last levels would all be `most`.
        offset: keeps the last steps from being too small.
        most: of a share.
    """
    angles = ((1 - t / blocks + offset) / (1 + offset) * math.pi / 2 for t in range(blocks + 1))
    return [0.0, *(min(most, math.cos(angle) ** 2) for angle in list(angles)[1:])]


def signal_to_noise(signal: float) -> float:
    """abar / (1 - abar)."""
    return signal / (1 - signal)


@dataclass(frozen=True)
class Step:
    """From one level of noise to the next, cleaner one: q(z_t | z_{t-1}, y) = N(a u_y + b z_{t-1}, c I), equation 3.

    With abar_t the signal at t and alpha = abar_{t-1} / abar_t:

        a = sqrt(abar_t) (1 - alpha) / (1 - abar_{t-1})
        b = sqrt(alpha) (1 - abar_t) / (1 - abar_{t-1})
        c = (1 - abar_t) (1 - alpha) / (1 - abar_{t-1})
    """

    a: float
    b: float
    c: float

    @classmethod
    def between(cls, before: float, after: float) -> Step:
        """From the signal before the step, and the larger one after it."""
        alpha = before / after
        return cls(
            a=math.sqrt(after) * (1 - alpha) / (1 - before),
            b=math.sqrt(alpha) * (1 - after) / (1 - before),
            c=(1 - after) * (1 - alpha) / (1 - before),
        )


def steps(signal: Sequence[float]) -> list[Step]:
    """Those of blocks 1 .. T, from the signal at 0 .. T."""
    return [Step.between(before, after) for before, after in pairwise(signal)]
