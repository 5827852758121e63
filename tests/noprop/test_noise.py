"""The noise of NoProp: levels rise, and steps between them are those of the posterior."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from groundup.noprop.continuous import LearnedNoise
from groundup.noprop.noise import Step, cosine_signal, signal_to_noise, steps


def consistent(before: float, after: float, step: Step) -> bool:
    """Whether a step takes q(z_{t-1} | y) to q(z_t | y): the mean's factor and the variance, to 1e-12."""
    mean = step.a + step.b * math.sqrt(before)
    variance = step.b**2 * (1 - before) + step.c
    return math.isclose(mean, math.sqrt(after), rel_tol=1e-12) and math.isclose(variance, 1 - after, rel_tol=1e-12)


@pytest.mark.parametrize("blocks", [1, 2, 10, 64])
def test_signal_rises_from_nothing_and_so_does_its_ratio_to_noise(blocks):
    signal = cosine_signal(blocks)
    assert len(signal) == blocks + 1
    assert signal[0] == 0
    assert all(signal_to_noise(after) > signal_to_noise(before) for before, after in pairwise(signal))


def test_levels_are_those_of_the_published_formula_turned_round():
    """Worked out from cos^2 with an offset of 0.008, to four digits."""
    expected = [0, 0.0241, 0.0940, 0.2031, 0.3408, 0.4938, 0.6474, 0.7868, 0.8986, 0.9719, 0.999]
    assert cosine_signal(10) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("blocks", [1, 3, 10, 64])
def test_steps_lead_from_level_to_level(blocks):
    signal = cosine_signal(blocks)
    for (before, after), step in zip(pairwise(signal), steps(signal), strict=True):
        assert consistent(before, after, step)


def test_a_step_with_the_wrong_ratio_is_noticed():
    before, after = 0.2, 0.5
    alpha = after  # in place of before / after
    wrong = Step(
        a=math.sqrt(after) * (1 - alpha) / (1 - before),
        b=math.sqrt(alpha) * (1 - after) / (1 - before),
        c=(1 - after) * (1 - alpha) / (1 - before),
    )
    assert consistent(before, after, Step.between(before, after))
    assert not consistent(before, after, wrong)


def test_a_learned_schedule_rises_between_its_ends():
    torch.manual_seed(0)
    noise = LearnedNoise()
    time = torch.linspace(0, 1, 101)
    gamma, slope = noise(time)
    assert gamma[0].item() == pytest.approx(5, abs=1e-4)
    assert gamma[-1].item() == pytest.approx(-5, abs=1e-4)
    assert (gamma.diff() < 0).all()
    assert (noise.signal(time).diff() > 0).all()
    assert (slope < 0).all()


def test_the_slope_of_a_learned_schedule_is_its_derivative():
    torch.manual_seed(1)
    noise = LearnedNoise().double()
    time = torch.linspace(0, 1, 11, dtype=torch.float64, requires_grad=True)
    gamma, slope = noise(time)
    [expected] = torch.autograd.grad(gamma.sum(), time)
    assert torch.allclose(slope, expected, rtol=1e-10)
    assert not torch.allclose(slope, 1.01 * expected, rtol=1e-10)
