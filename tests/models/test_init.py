"""Initial weights have the spread their formula says."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from groundup.models.init import INITS, init_weights

FAN_IN, FAN_OUT = 400, 300
STD = {
    "uniform": 1 / math.sqrt(3 * FAN_IN),  # U(-a, a) has standard deviation a / sqrt(3)
    "xavier": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "kaiming": math.sqrt(2 / FAN_IN),
    "normal": 0.01,
}


def layer_of(scheme: str) -> nn.Linear:
    torch.manual_seed(0)
    layer = nn.Linear(FAN_IN, FAN_OUT)
    init_weights(layer, scheme)
    return layer


def test_every_scheme_is_tested():
    assert set(STD) == set(INITS)


@pytest.mark.parametrize("scheme", STD)
def test_weights_have_the_spread_of_their_formula_and_of_no_other(scheme):
    weight = layer_of(scheme).weight
    # 120,000 draws: the standard error of the mean is std / 346, of the standard deviation about std / 490
    assert abs(weight.mean().item()) < 5 * STD[scheme] / 346
    matches = [name for name, std in STD.items() if weight.std().item() == pytest.approx(std, rel=0.01)]
    assert matches == [scheme]


@pytest.mark.parametrize(("scheme", "bound"), [("uniform", 1 / 20), ("xavier", math.sqrt(6 / 700))])
def test_uniform_weights_fill_their_interval(scheme, bound):
    largest = layer_of(scheme).weight.abs().max().item()
    assert 0.99 * bound < largest <= bound


@pytest.mark.parametrize("scheme", ["kaiming", "normal"])
def test_normal_weights_have_tails(scheme):
    weight = layer_of(scheme).weight
    beyond = (weight.abs() > 2 * STD[scheme]).float().mean().item()
    assert beyond == pytest.approx(0.0455, abs=0.003)  # of a uniform variable, none


@pytest.mark.parametrize("scheme", STD)
def test_biases_start_at_zero(scheme):
    assert not layer_of(scheme).bias.any()


def test_fan_in_of_a_convolution_counts_its_window():
    torch.manual_seed(0)
    layer = nn.Conv2d(16, 200, kernel_size=5)
    init_weights(layer, "kaiming")
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / (16 * 25)), rel=0.01)


def test_other_layers_are_left_alone():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2, bias=False))
    init_weights(model, "normal")
    assert torch.equal(model[1].weight, torch.ones(4))
