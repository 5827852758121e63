from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from layer_checks import check_against_twin, distinct_numbers

from groundup import numpy_nets as nn

TWINS = {nn.MaxPool2D: torch.nn.MaxPool2d, nn.AvgPool2D: torch.nn.AvgPool2d}


def test_max_pooling_worked_by_hand():
    """Windows [1 5; 3 2] and [4 4; 0 4] of size 2: maxima 5 and 4, the 4 at three places, of which the first counts."""
    layer = nn.MaxPool2D(2)
    x = np.array([[[[1.0, 5, 4, 4, 9], [3, 2, 0, 4, 9]]]])  # the last column fills no window
    np.testing.assert_array_equal(layer.forward(x), [[[[5, 4]]]])
    dx = layer.backward(np.array([[[[10.0, 20]]]]))
    np.testing.assert_array_equal(dx, [[[[0, 10, 20, 0, 0], [0, 0, 0, 0, 0]]]])


def test_average_pooling_worked_by_hand():
    """(1 + 5 + 3 + 2) / 4 = 2.75 and (4 + 4 + 0 + 4) / 4 = 3; each number takes a quarter of the gradient."""
    layer = nn.AvgPool2D(2)
    x = np.array([[[[1.0, 5, 4, 4, 9], [3, 2, 0, 4, 9]]]])
    np.testing.assert_array_equal(layer.forward(x), [[[[2.75, 3]]]])
    dx = layer.backward(np.array([[[[10.0, 20]]]]))
    np.testing.assert_array_equal(dx, [[[[2.5, 2.5, 5, 5, 0], [2.5, 2.5, 5, 5, 0]]]])


@settings(max_examples=100, deadline=None)
@given(
    kind=st.sampled_from([nn.MaxPool2D, nn.AvgPool2D]),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    size=st.integers(1, 4),
    stride=st.one_of(st.none(), st.integers(1, 5)),
    ties=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_any_pooling_is_pytorchs(kind, shape, size, stride, ties, dtype):
    assume(min(shape[2:]) >= size)
    x = distinct_numbers(shape, dtype=dtype)
    x = np.round(x) if ties else x  # few different numbers: many windows with equal maxima
    check_against_twin(kind(size, stride), TWINS[kind](size, stride), x, rtol=1e-9 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("kind", TWINS)
def test_images_smaller_than_a_window_are_refused(kind):
    with pytest.raises(nn.InputError, match=rf"{kind.__name__}: expected images of 3x3 or more, given \(1, 1, 2, 5\)"):
        kind(3).forward(np.zeros((1, 1, 2, 5)))


@pytest.mark.parametrize("kind", TWINS)
def test_anything_but_images_is_refused(kind):
    with pytest.raises(nn.InputError, match=r"expected an array of shape \(N, C, H, W\), given \(3, 4\)"):
        kind(2).forward(np.zeros((3, 4)))
    with pytest.raises(nn.InputError, match="at least one sample"):
        kind(2).forward(np.zeros((0, 1, 4, 4)))
    with pytest.raises(nn.InputError, match="float32 or float64, given int64"):
        kind(2).forward(np.zeros((1, 1, 4, 4), np.int64))


@pytest.mark.parametrize("kind", TWINS)
def test_a_gradient_of_another_shape_is_refused(kind):
    layer = kind(2)
    layer.forward(np.zeros((1, 1, 4, 4)))
    with pytest.raises(nn.InputError, match=r"expected a gradient of shape \(1, 1, 2, 2\), given \(1, 1, 1, 1\)"):
        layer.backward(np.zeros((1, 1, 1, 1)))
