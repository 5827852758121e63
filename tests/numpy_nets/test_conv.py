from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from layer_checks import check_against_twin, distinct_numbers, fill_weights

from groundup import numpy_nets as nn


def test_a_convolution_worked_by_hand():
    """
    x = 1 2 3    W = 1  0    b = 10    y[0,0] = 1*1 + 0*2 + 2*4 - 1*5 + 10 = 14
        4 5 6        2 -1              y[0,1] = 1*2 + 0*3 + 2*5 - 1*6 + 10 = 16
        7 8 9                          y[1,0] = 1*4 + 0*5 + 2*7 - 1*8 + 10 = 20
                                       y[1,1] = 1*5 + 0*6 + 2*8 - 1*9 + 10 = 22
    """
    layer = nn.Conv2D(1, 1, 2, dtype=np.float64)
    layer.params["weight"][...] = [[[[1, 0], [2, -1]]]]
    layer.params["bias"][...] = 10
    x = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    np.testing.assert_array_equal(layer.forward(x), [[[[14, 16], [20, 22]]]])
    # With dL/dy = [[1, 2], [3, 4]]: dL/dW[0,0] = 1*1 + 2*2 + 3*4 + 4*5 = 37, dL/dW[0,1] = 1*2 + 2*3 + 3*5 + 4*6 = 47,
    # dL/dW[1,0] = 1*4 + 2*5 + 3*7 + 4*8 = 67, dL/dW[1,1] = 1*5 + 2*6 + 3*8 + 4*9 = 77; dL/db = 1 + 2 + 3 + 4 = 10.
    dx = layer.backward(np.array([[[[1.0, 2], [3, 4]]]]))
    np.testing.assert_array_equal(layer.grads["weight"], [[[[37, 47], [67, 77]]]])
    np.testing.assert_array_equal(layer.grads["bias"], [10])
    # Each window passes dL/dy W back to where it lies. Row 0: 1*1, 1*0 + 2*1, 2*0.
    # Row 1: 1*2 + 3*1, 1*-1 + 2*2 + 3*0 + 4*1, 2*-1 + 4*0. Row 2: 3*2, 3*-1 + 4*2, 4*-1.
    np.testing.assert_array_equal(dx, [[[[1, 2, 0], [5, 7, -2], [6, 5, -4]]]])


@settings(max_examples=100, deadline=None)
@given(
    batch=st.integers(1, 3),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel_size=st.integers(1, 5),
    stride=st.integers(1, 4),
    padding=st.integers(0, 3),
    bias=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_any_convolution_is_pytorchs(batch, channels, size, kernel_size, stride, padding, bias, dtype):
    assume(min(size) + 2 * padding >= kernel_size)
    layer = nn.Conv2D(*channels, kernel_size, stride, padding, bias, dtype=dtype)
    fill_weights(layer)
    kind = torch.float64 if dtype == np.float64 else torch.float32
    twin = torch.nn.Conv2d(*channels, kernel_size, stride, padding, bias=bias, dtype=kind)
    x = distinct_numbers((batch, channels[0], *size), dtype=dtype)
    check_against_twin(layer, twin, x, rtol=1e-9 if dtype == np.float64 else 1e-4)


def test_a_kernel_larger_than_the_image_is_refused():
    with pytest.raises(nn.InputError, match=r"Conv2D: expected images of 5x5 or more, padding included, given \(1, 1"):
        nn.Conv2D(1, 1, 5).forward(np.zeros((1, 1, 4, 9), np.float32))
    nn.Conv2D(1, 1, 5, padding=1).forward(np.zeros((1, 1, 4, 9), np.float32))


def test_between_convolutions_nothing_is_copied():
    """What one layer returns lies in memory as the next one wants it, though its shape is `(N, C, H, W)`."""
    from groundup.numpy_nets.conv import rows_first

    y = nn.MaxPool2D(2).forward(nn.ReLU().forward(nn.Conv2D(1, 2, 3).forward(np.ones((4, 1, 8, 8), np.float32))))
    assert y.shape == (4, 2, 3, 3)
    assert np.shares_memory(rows_first(y), y)
