from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from layer_checks import check_against_twin, distinct_numbers

from groundup import numpy_nets as nn

TWINS = {
    nn.Identity: torch.nn.Identity,
    nn.ReLU: torch.nn.ReLU,
    nn.Sigmoid: torch.nn.Sigmoid,
    nn.Tanh: torch.nn.Tanh,
    nn.Softmax: lambda: torch.nn.Softmax(dim=-1),
}


@pytest.mark.parametrize(
    ("kind", "x", "y", "slope"),
    [
        (nn.Identity, -3.0, -3.0, 1.0),
        (nn.ReLU, -3.0, 0.0, 0.0),
        (nn.ReLU, 3.0, 3.0, 1.0),
        (nn.ReLU, 0.0, 0.0, 0.0),  # the kink
        (nn.Sigmoid, 0.0, 0.5, 0.25),
        (nn.Sigmoid, math.log(3), 0.75, 0.1875),  # 1 / (1 + 1/3), 3/4 * 1/4
        (nn.Tanh, math.log(3) / 2, 0.5, 0.75),  # (3 - 1) / (3 + 1), 1 - 1/4
    ],
)
def test_an_activation_worked_by_hand(kind, x, y, slope):
    layer = kind()
    assert layer.forward(np.array([[x]])) == pytest.approx(y, rel=1e-14)
    assert layer.backward(np.array([[2.0]])) == pytest.approx(2 * slope, rel=1e-14)


def test_softmax_worked_by_hand():
    """x = log 1, log 2, log 5: y = 1/8, 2/8, 5/8.

    With dL/dy = 8, 0, 0 the sum of dL/dy y is 1: dL/dx = 1/8 (8 - 1), 2/8 (0 - 1), 5/8 (0 - 1).
    """
    layer = nn.Softmax()
    np.testing.assert_allclose(layer.forward(np.log([[1.0, 2, 5]])), [[0.125, 0.25, 0.625]], rtol=1e-14)
    np.testing.assert_allclose(layer.backward(np.array([[8.0, 0, 0]])), [[0.875, -0.25, -0.625]], rtol=1e-14)


@settings(max_examples=100, deadline=None)
@given(
    kind=st.sampled_from(list(TWINS)),
    shape=array_shapes(min_dims=2, max_dims=4, max_side=5),
    scale=st.sampled_from([0.01, 1, 30]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_any_activation_is_pytorchs(kind, shape, scale, dtype):
    x = distinct_numbers(shape, dtype=dtype) * dtype(scale)
    check_against_twin(kind(), TWINS[kind](), x, rtol=1e-9 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("kind", [nn.Sigmoid, nn.Tanh, nn.Softmax])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_numbers_do_not_overflow(kind, dtype):
    layer = kind()
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = layer.forward(np.array([[-1e4, 0, 1e4]], dtype))
        dx = layer.backward(np.ones_like(y))
    assert np.isfinite(y).all()
    assert np.isfinite(dx).all()
    assert y[0, 2] == 1


def test_small_sigmoids_are_exact():
    """Written as (1 + tanh(x/2)) / 2 the sigmoid of -40 would be 0."""
    assert nn.Sigmoid().forward(np.array([[-40.0]])) == pytest.approx(math.exp(-40), rel=1e-14)
