from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from layer_checks import check_against_twin, distinct_numbers, fill_weights

from groundup import numpy_nets as nn


def test_a_batch_worked_by_hand():
    """x = 1, 3: mean 2, variance ((-1)² + 1²) / 2 = 1, so x̂ = -1, 1 with ε = 0; y = 5 x̂ + 7.

    The running mean moves a tenth from 0 to 2, the running variance a tenth from 1 to 2 (divided by 2 - 1).
    """
    layer = nn.BatchNorm(1, eps=0, dtype=np.float64)
    layer.params["weight"][...], layer.params["bias"][...] = 5, 7
    x = np.array([[1.0], [3.0]])
    np.testing.assert_allclose(layer.forward(x, training=True), [[2], [12]])
    assert layer.buffers["running_mean"] == pytest.approx([0.2])
    assert layer.buffers["running_var"] == pytest.approx([1.1])
    assert layer.buffers["num_batches_tracked"] == 1
    # Two numbers are always normalised to -1 and 1: y does not depend on x, and neither does any loss.
    np.testing.assert_allclose(layer.backward(np.array([[1.0], [4.0]])), [[0], [0]], atol=1e-12)
    assert layer.grads["weight"] == pytest.approx([-1 * 1 + 1 * 4])
    assert layer.grads["bias"] == pytest.approx([1 + 4])
    # Not training: (1 - 0.2) / sqrt(1.1) * 5 + 7
    assert layer.forward(x)[0, 0] == pytest.approx(0.8 / 1.1**0.5 * 5 + 7)


@settings(max_examples=50, deadline=None)
@given(
    shape=st.one_of(
        st.tuples(st.integers(1, 6), st.integers(1, 4)),
        st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
    ),
    training=st.booleans(),
    momentum=st.sampled_from([0.1, 0.5, 1.0]),
)
def test_any_batch_norm_is_pytorchs(shape, training, momentum):
    assume(not training or np.prod(shape) // shape[1] > 2)  # of two numbers the gradients are rounding errors alone
    layer = nn.BatchNorm(shape[1], momentum=momentum, dtype=np.float64)
    kind = torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d
    twin = kind(shape[1], momentum=momentum, dtype=torch.float64)
    for step in range(2):  # the second one begins with running statistics that have moved
        fill_weights(layer, seed=step)
        check_against_twin(layer, twin, distinct_numbers(shape, seed=step) + 3, training, rtol=1e-8)


def test_a_single_value_per_channel_is_refused_in_training():
    layer = nn.BatchNorm(2)
    with pytest.raises(nn.InputError, match=r"BatchNorm: expected more than one value per channel .* given \(1, 2\)"):
        layer.forward(np.ones((1, 2), np.float32), training=True)
    assert layer.buffers["num_batches_tracked"] == 0
    layer.forward(np.ones((1, 2), np.float32))


def test_buffers_are_changed_in_place():
    """They may share memory with the buffers of a PyTorch module."""
    layer = nn.BatchNorm(2)
    before = dict(layer.buffers)
    layer.forward(distinct_numbers((4, 2), dtype=np.float32), training=True)
    assert all(layer.buffers[name] is array for name, array in before.items())
    assert {name: array.dtype for name, array in before.items()} == {
        "running_mean": np.float32,
        "running_var": np.float32,
        "num_batches_tracked": np.int64,
    }
