"""Schedules against PyTorch's, step by step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch.optim import lr_scheduler

from groundup.learning.schedules import Constant, Cosine, OneCycle, Schedule, Step, Triangle, falling

STEPS_PER_EPOCH, EPOCHS = 7, 10
TOTAL = STEPS_PER_EPOCH * EPOCHS
CONFIGS = sorted((Path(__file__).parents[2] / "conf" / "scheduler").glob("*.yaml"))


def factors(schedule: Schedule, total: int = TOTAL) -> list[float]:
    return [schedule(step, total, STEPS_PER_EPOCH) for step in range(total)]


def torch_factors(scheduler_class, total: int = TOTAL, **options) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = scheduler_class(optimizer, **options)
    rates = []
    for step in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step + 1 < total:
            scheduler.step()
    return rates


def test_step_is_step_lr():
    expected = torch_factors(lr_scheduler.StepLR, step_size=3 * STEPS_PER_EPOCH, gamma=0.2)
    assert factors(Step(step_epochs=3, gamma=0.2)) == pytest.approx(expected)
    assert factors(Step(step_epochs=4, gamma=0.2)) != pytest.approx(expected)


@pytest.mark.parametrize("final", [0.0, 0.1])
def test_cosine_is_cosine_annealing(final):
    expected = torch_factors(lr_scheduler.CosineAnnealingLR, T_max=TOTAL, eta_min=final)
    assert factors(Cosine(warmup_epochs=0, final=final)) == pytest.approx(expected)
    assert factors(Cosine(warmup_epochs=0, final=final + 0.01)) != pytest.approx(expected)


def test_cosine_after_warm_up_is_cosine_annealing_of_the_rest():
    rest = TOTAL - 2 * STEPS_PER_EPOCH
    expected = torch_factors(lr_scheduler.CosineAnnealingLR, total=rest, T_max=rest)
    assert factors(Cosine(warmup_epochs=2))[-rest:] == pytest.approx(expected)


@pytest.mark.parametrize("total", [5, 64, TOTAL])
@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.55, 1.0])
def test_onecycle_is_one_cycle_lr(total, fraction):
    def reference(start: float) -> list[float]:
        return torch_factors(
            lr_scheduler.OneCycleLR,
            total=total,
            max_lr=1.0,
            total_steps=total,
            pct_start=fraction,
            anneal_strategy="cos",
            cycle_momentum=False,
            div_factor=1 / start,
            final_div_factor=start / 1e-4,
        )

    schedule = OneCycle(warmup_fraction=fraction, start=0.04, final=1e-4)
    assert factors(schedule, total) == pytest.approx(reference(start=0.04))
    if fraction:
        assert factors(schedule, total) != pytest.approx(reference(start=0.05))


def test_warm_up_is_a_straight_line_from_above_zero_to_one():
    # One epoch of 7 steps: eighths
    assert factors(Constant(warmup_epochs=1))[:9] == [1 / 8, 2 / 8, 3 / 8, 4 / 8, 5 / 8, 6 / 8, 7 / 8, 1.0, 1.0]
    assert factors(Cosine(warmup_epochs=1))[:8] == factors(Constant(warmup_epochs=1))[:8]
    assert factors(Step(warmup_epochs=1, step_epochs=1, gamma=0.5))[:8] == [*(i / 8 for i in range(1, 8)), 0.5]


def test_constant_without_warm_up_is_one():
    assert set(factors(Constant())) == {1.0}


def test_a_triangle_worked_by_hand():
    # Of ten steps: from 0.2 to 1 in four (0.2 each), then towards 0.4 at step 10 (0.1 each)
    expected = [0.2, 0.4, 0.6, 0.8, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5]
    assert factors(Triangle(warmup_fraction=0.4, start=0.2, final=0.4), 10) == pytest.approx(expected)
    assert factors(Triangle(warmup_fraction=0.4, start=0.2, final=0.3), 10) != pytest.approx(expected)


def test_a_triangle_without_warm_up_is_linear_lr():
    expected = torch_factors(lr_scheduler.LinearLR, start_factor=1.0, end_factor=0.07, total_iters=TOTAL)
    assert factors(Triangle(warmup_fraction=0, final=0.07)) == pytest.approx(expected)
    assert factors(Triangle(warmup_fraction=0, final=0.0))[-1] == pytest.approx(1 / TOTAL)


def test_what_falls_over_epochs_is_zero_from_then_on():
    values = [falling(step, 0.5, 8) for step in range(7)]
    assert values == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
@pytest.mark.parametrize("total", [1, 2, 7, TOTAL])
def test_shipped_schedules_stay_above_zero_and_at_most_one_however_short_the_training(path, total):
    node = OmegaConf.to_container(OmegaConf.load(path))
    del node["name"]
    schedule = instantiate(node, _convert_="all")
    values = [schedule(step, total, STEPS_PER_EPOCH) for step in range(total)]
    assert all(0 < value <= 1 for value in values)
    # Schedulers are asked once more after the last step
    assert 0 <= schedule(total, total, STEPS_PER_EPOCH) <= 1
