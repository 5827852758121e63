"""Networks: what they are made of, and what they say of classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from groundup import numpy_nets as nn
from groundup.numpy_nets.layer import NotFinite


def a_net() -> nn.Sequential:
    rng = np.random.default_rng(0)
    stem = nn.Sequential({"fc1": nn.Dense(4, 5, dtype=np.float64, rng=rng), "act": nn.Tanh()})
    return nn.Sequential({"stem": stem, "head": nn.Dense(5, 3, dtype=np.float64, rng=rng)})


def check_gradients(net: nn.Sequential) -> None:
    """By central differences; raises AssertionError where they are wrong."""
    rng, loss = np.random.default_rng(1), nn.SoftmaxCrossEntropy()
    x, y = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)

    def value() -> float:
        return loss.forward(net.forward(x), y)

    slopes = {name: nn.central_differences(value, weight) for name, weight in net.params.items()}
    slopes["x"] = nn.central_differences(value, x)
    value()
    dx = net.backward(loss.backward(), input_grad=True)
    for name, grad in {"x": dx, **net.grads}.items():
        assert np.abs(grad - slopes[name]).max() / np.abs(slopes[name]).max() < 1e-6


def test_a_network_within_a_network_has_the_right_gradients() -> None:
    check_gradients(a_net())


def test_a_wrong_backward_of_an_inner_layer_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = nn.Tanh.backward_input
    monkeypatch.setattr(nn.Tanh, "backward_input", lambda self, grad: right(self, grad) * 1.001)
    with pytest.raises(AssertionError):
        check_gradients(a_net())


def test_names_are_paths() -> None:
    net = a_net()
    assert list(net.params) == ["stem.fc1.weight", "stem.fc1.bias", "head.weight", "head.bias"]
    assert [layer.name for _, layer in net.leaves()] == ["stem.fc1", "stem.act", "head"]
    with pytest.raises(nn.InputError, match=r"Dense 'stem\.fc1': expected an array of shape \(N, 4\), given \(2, 7\)"):
        net.forward(np.zeros((2, 7)))


def test_the_input_gradient_is_computed_on_demand_alone() -> None:
    net = a_net()
    net.forward(np.ones((2, 4)))
    grad = np.ones((2, 3))
    assert net.backward(grad) is None
    without = net.grads
    assert net.backward(grad, input_grad=True).shape == (2, 4)
    for name, given in net.grads.items():
        np.testing.assert_array_equal(given, without[name])


def test_a_network_without_weights_computes_too() -> None:
    net = nn.Sequential([nn.Flatten(), nn.ReLU()])
    x = np.array([[[1.0, -2.0]]])
    assert net.forward(x).tolist() == [[1, 0]]
    assert net.backward(np.ones((1, 2))) is None
    assert net.backward(np.ones((1, 2)), input_grad=True).tolist() == [[[1, 0]]]


BAD_LAYERS = [
    (nn.ReLU(), r"expected a list or a dict of layers, given ReLU\(\)"),
    ([], "expected at least one layer, given none"),
    ([nn.Dense(2, 2), np.tanh], "expected a Layer as '1', given <ufunc 'tanh'>"),
    ([nn.ReLU], r"expected a Layer as '0', given <class .*ReLU'>: write ReLU\(\.\.\.\)"),
    ({"": nn.ReLU()}, "expected words as names, given ''"),
    ({1: nn.ReLU()}, "expected words as names, given 1"),
    ({"a": nn.Sequential({"b": nn.ReLU()}), "a.b": nn.ReLU()}, "expected each name once, given 'a.b' twice"),
]


@pytest.mark.parametrize(("layers", "message"), BAD_LAYERS)
def test_what_makes_no_network_is_refused(layers: list, message: str) -> None:
    with pytest.raises(nn.InputError, match=message):
        nn.Sequential(layers)


def test_the_same_layer_twice_is_refused_however_deep() -> None:
    layer = nn.Dense(2, 2)
    with pytest.raises(nn.InputError, match="each layer once, given the same Dense as '0' and in '2'"):
        nn.Sequential([layer, nn.ReLU(), layer])
    with pytest.raises(nn.InputError, match="the same Dense as '0' and in '1'"):
        nn.Sequential([layer, nn.Sequential([nn.ReLU(), layer])])


BAD_BATCHES = [
    ([[1.0, 2.0]], "given list"),
    (np.ones((2, 4), np.uint8), r"given uint8 of shape \(2, 4\)"),
    (np.ones(4), r"samples in rows, given float64 of shape \(4,\)"),
    (np.ones((0, 4)), r"expected at least one sample, given an empty array \(0, 4\)"),
    (np.array([[1.0, np.nan]]), r"expected finite numbers, given nan at \(0, 1\)"),
    (np.array([[np.inf, -np.inf]]), r"expected finite numbers, given inf at \(0, 0\) \(2 of 2\)"),
]


@pytest.mark.parametrize(("x", "message"), BAD_BATCHES)
def test_what_is_no_batch_is_refused_without_a_layer_with_weights_too(x: np.ndarray, message: str) -> None:
    with pytest.raises(nn.InputError, match=f"Sequential: .*{message}"):
        nn.Sequential([nn.ReLU(), nn.Flatten()]).forward(x)


def test_predictions_are_the_same_whatever_the_batch_size() -> None:
    net, x = a_net(), np.random.default_rng(1).normal(size=(10, 4))
    assert net.predict(x).tolist() == net.forward(x).argmax(axis=1).tolist()
    for batch_size in (1, 3, 10, 11):
        np.testing.assert_array_equal(net.predict(x, batch_size), net.predict(x))
        np.testing.assert_allclose(net.predict_proba(x, batch_size), net.predict_proba(x), rtol=1e-12)


def test_probabilities_are_the_softmax_of_the_outputs() -> None:
    net, x = a_net(), np.random.default_rng(1).normal(size=(10, 4))
    np.testing.assert_allclose(net.predict_proba(x), torch.from_numpy(net.forward(x)).softmax(dim=1), rtol=1e-12)


@pytest.mark.parametrize("last", [nn.Softmax, nn.Sigmoid])
def test_outputs_that_are_probabilities_stay_as_they_are(last: type[nn.Layer]) -> None:
    x = np.array([[0.3, 0.1, 2.0]])
    np.testing.assert_array_equal(nn.Sequential([last()]).predict_proba(x), last().forward(x))


def test_a_single_output_is_of_class_1_above_one_half() -> None:
    x = np.array([[-1.0], [0.0], [1.0]])
    net = nn.Sequential([nn.Sigmoid()])
    assert net.predict(x).tolist() == [0, 0, 1]
    np.testing.assert_array_equal(net.predict_proba(x), net.forward(x))


@pytest.mark.parametrize(
    ("x", "batch_size", "message"),
    [
        (np.zeros((0, 4)), 10, r"expected an array of at least one sample, given \(0, 4\)"),
        ([1.0], 10, "given list"),
        (np.zeros((1, 4)), 0, "batch_size is a whole number from 1 on, given 0"),
        (np.zeros((1, 4)), 2.5, r"batch_size .* given 2\.5"),
    ],
)
def test_predictions_of_nothing_are_refused(x: np.ndarray, batch_size: int, message: str) -> None:
    with pytest.raises(nn.InputError, match=message):
        a_net().predict(x, batch_size)


def test_classes_of_images_are_refused() -> None:
    with pytest.raises(nn.InputError, match=r"outputs of shape \(N, K\) to tell classes, given \(1, 2, 3, 3\)"):
        nn.Sequential([nn.ReLU()]).predict(np.zeros((1, 2, 3, 3)))


def test_a_network_shows_its_layers() -> None:
    assert repr(a_net()) == (
        "Sequential(\n  stem: Sequential(\n    fc1: Dense(4, 5)\n    act: Tanh()\n  )\n  head: Dense(5, 3)\n)"
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("classes", [1, 3])
def test_outputs_that_are_no_numbers_are_of_no_class(bad: float, classes: int) -> None:
    """Of NaN the largest is the first one: every sample would be of class 0."""
    net = nn.Sequential([nn.Dense(4, classes, dtype=np.float64)])
    net.params["0.weight"][...] = bad
    for ask in (net.predict, net.predict_proba):
        with pytest.raises(
            NotFinite, match=r"Sequential, outputs: expected finite numbers, given (nan|inf) at \(0, 0\)"
        ):
            ask(np.ones((1001, 4)))
