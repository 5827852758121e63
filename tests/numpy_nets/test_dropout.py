from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_by_central_differences, distinct_numbers

from groundup import numpy_nets as nn


class SameZeros(nn.Dropout):
    """Draws the same zeros at every pass, so that it is a function."""

    def forward(self, x, training=False):
        self.rng = np.random.default_rng(5)
        return super().forward(x, training)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_share_p_becomes_zero_and_the_rest_keeps_the_mean(dtype):
    y = nn.Dropout(0.2, rng=np.random.default_rng(0)).forward(np.ones((100, 100), dtype), training=True)
    assert y.dtype == dtype
    assert set(np.unique(y)) == {0, dtype(1) / dtype(0.8)}
    assert (y == 0).mean() == pytest.approx(0.2, abs=0.02)  # five standard deviations of 10,000 draws
    assert y.mean() == pytest.approx(1, abs=0.03)


def test_outside_training_nothing_changes():
    x = distinct_numbers((3, 4))
    layer = nn.Dropout(0.9)
    np.testing.assert_array_equal(layer.forward(x), x)
    np.testing.assert_array_equal(layer.backward(x), x)


def test_the_gradient_passes_where_the_number_did():
    check_by_central_differences(SameZeros(0.5), distinct_numbers((4, 5)))


def test_a_gradient_that_forgets_the_zeros_is_caught(monkeypatch):
    layer = SameZeros(0.5)
    monkeypatch.setattr(layer, "backward_input", lambda grad: grad / 0.5)
    with pytest.raises(AssertionError):
        check_by_central_differences(layer, distinct_numbers((4, 5)))


def test_a_generator_draws_the_same_zeros_again():
    x = np.ones((4, 5))
    first, second = (nn.Dropout(0.5, np.random.default_rng(1)).forward(x, training=True) for _ in range(2))
    np.testing.assert_array_equal(first, second)
