"""The check of gradients tells right ones from wrong ones."""

from __future__ import annotations

import numpy as np
import pytest

from groundup import numpy_nets as nn


def make_net(dtype: type = np.float64) -> nn.Sequential:
    rng = np.random.default_rng(0)
    layers = [nn.Conv2D(1, 2, 3, dtype=dtype, rng=rng), nn.Tanh(), nn.Flatten(), nn.Dense(8, 3, dtype=dtype, rng=rng)]
    return nn.Sequential(layers)


def make_batch() -> tuple[np.ndarray, np.ndarray]:
    return np.random.default_rng(1).normal(size=(2, 1, 4, 4)), np.array([0, 2])


def test_the_slope_of_a_cube_is_three_times_the_square():
    x = np.array([[1.0, -2.0], [0.5, 3.0]])
    before = x.copy()
    np.testing.assert_allclose(nn.central_differences(lambda: float((x**3).sum()), x), 3 * before**2, rtol=1e-8)
    np.testing.assert_array_equal(x, before)


def test_every_weight_of_a_right_network_passes():
    net = make_net()
    errors = nn.gradient_errors(net, *make_batch(), nn.SoftmaxCrossEntropy())
    assert errors.keys() == net.params.keys()
    assert max(errors.values()) < 1e-8


def test_a_wrong_gradient_is_caught_and_named(monkeypatch):
    net = make_net()
    conv = net.layers[0]
    right = conv.backward_params

    def wrong(grad: np.ndarray) -> None:
        right(grad)
        conv.grads["weight"][1, 0, 2, 2] *= 1.01

    monkeypatch.setattr(conv, "backward_params", wrong)
    errors = nn.gradient_errors(net, *make_batch(), nn.SoftmaxCrossEntropy())
    assert errors["0.weight"] > 1e-4
    assert max(error for name, error in errors.items() if name != "0.weight") < 1e-8


def test_a_gradient_where_there_is_no_slope_is_caught(monkeypatch):
    """Not divided by zero: an input of zeros leaves a weight without any influence."""
    net = nn.Sequential([nn.Dense(2, 2, dtype=np.float64, rng=np.random.default_rng(0))])
    batch = np.zeros((1, 2)), np.array([1])
    assert nn.gradient_errors(net, *batch, nn.SoftmaxCrossEntropy())["0.weight"] == 0
    layer = net.layers[0]
    monkeypatch.setattr(layer, "backward_params", lambda grad: layer.grads.update(weight=grad.T @ (batch[0] + 1)))
    layer.grads["bias"] = np.zeros(2)
    assert nn.gradient_errors(net, *batch, nn.SoftmaxCrossEntropy())["0.weight"] > 0.1


def test_weights_too_coarse_for_differences_are_refused():
    with pytest.raises(nn.InputError, match=r"expected weights of float64, given '0\.weight' of float32"):
        nn.gradient_errors(make_net(np.float32), *make_batch(), nn.SoftmaxCrossEntropy())


def test_dropout_is_refused_and_the_running_means_of_batch_norm_stay():
    net = nn.Sequential([nn.Dense(2, 3, dtype=np.float64), nn.BatchNorm(3, dtype=np.float64)])
    batch = np.random.default_rng(0).normal(size=(5, 2)), np.array([0, 1, 2, 0, 1])
    before = {name: buffer.copy() for name, buffer in net.buffers.items()}
    assert nn.gradient_errors(net, *batch, nn.MeanSquaredError())["0.weight"] < 1e-6
    for name, buffer in net.buffers.items():
        np.testing.assert_array_equal(buffer, before[name])
    with pytest.raises(nn.InputError, match="given others: leave dropout out"):
        nn.gradient_errors(nn.Sequential([net, nn.Dropout(0.5)]), *batch, nn.MeanSquaredError())
