from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_by_central_differences, distinct_numbers, fill_weights

from groundup import numpy_nets as nn

TWINS = {"identity": nn.Identity, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


def test_a_neuron_worked_by_hand():
    """w = 2, -1, b = 1, x = 3, 4: z = 6 - 4 + 1 = 3, and y = relu(3) = 3. With dL/dy = 5 δ is 5."""
    neuron = nn.Neuron(np.array([2.0, -1.0]), 1.0, "relu")
    assert neuron.forward(np.array([3.0, 4.0])) == 3
    assert neuron.backward(5.0) == 5
    assert neuron.forward(np.array([0.0, 4.0])) == 0  # z = -3
    assert neuron.backward(5.0) == 0


@pytest.mark.parametrize("activation", TWINS)
def test_neurons_have_the_numbers_of_a_dense_layer(activation):
    neurons = nn.NeuronLayer(4, 3, activation, dtype=np.float64)
    dense, act = nn.Dense(4, 3, dtype=np.float64), TWINS[activation]()
    fill_weights(neurons)
    dense.params.update(neurons.params)
    x, r = distinct_numbers((5, 4)), distinct_numbers((5, 3), seed=3)
    close = {"rtol": 1e-12, "atol": 1e-14}
    np.testing.assert_allclose(neurons.forward(x), act.forward(dense.forward(x)), **close)
    np.testing.assert_allclose(neurons.backward(r), dense.backward(act.backward(r)), **close)
    for name in ("weight", "bias"):
        np.testing.assert_allclose(neurons.grads[name], dense.grads[name], **close)


@pytest.mark.parametrize("activation", TWINS)
def test_gradients_are_those_of_central_differences(activation):
    layer = nn.NeuronLayer(3, 2, activation, dtype=np.float64)
    fill_weights(layer)
    check_by_central_differences(layer, distinct_numbers((4, 3)))


def test_a_derivative_of_another_activation_is_caught(monkeypatch):
    monkeypatch.setattr(nn.Neuron, "backward", lambda self, grad: grad * (1 - self.y * self.y))  # tanh's
    layer = nn.NeuronLayer(3, 2, "sigmoid", dtype=np.float64)
    fill_weights(layer)
    with pytest.raises(AssertionError):
        check_by_central_differences(layer, distinct_numbers((4, 3)))


def test_neurons_learn_from_the_arrays_of_their_layer():
    layer = nn.NeuronLayer(2, 1, "identity", dtype=np.float32)
    x = np.ones((1, 2), np.float32)
    layer.params["weight"][...] = 2
    assert layer.forward(x) == 4
    layer.params["weight"] = np.full((1, 2), 3, np.float32)
    assert layer.forward(x) == 6
    assert layer.forward(x).dtype == np.float32


def test_a_bad_batch_is_refused_by_name():
    layer = nn.NeuronLayer(3, 2)
    with pytest.raises(RuntimeError, match=r"NeuronLayer: backward\(\) needs a forward\(\) before it"):
        layer.backward(np.ones((1, 2), np.float32))
    with pytest.raises(nn.InputError, match=r"NeuronLayer: expected an array of shape \(N, 3\), given \(1, 4\)"):
        layer.forward(np.ones((1, 4), np.float32))
    layer.forward(np.ones((1, 3), np.float32))
    with pytest.raises(nn.InputError, match="a gradient"):
        layer.backward(np.ones((1, 3), np.float32))
