"""What is put into a network's weights is what it computes with, or is refused."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from groundup import numpy_nets as nn


def a_net() -> nn.Sequential:
    rng = np.random.default_rng(0)
    stem = nn.Sequential({"fc": nn.Dense(2, 3, rng=rng), "norm": nn.BatchNorm(3)})
    return nn.Sequential({"stem": stem, "head": nn.Dense(3, 2, rng=rng)})


X = np.random.default_rng(1).normal(size=(4, 2)).astype(np.float32)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int8, ">f8"])
def test_a_weight_that_is_put_in_is_computed_with(kind: type) -> None:
    net = a_net()
    array, w = net.params["stem.fc.weight"], np.array([[1, 2], [3, 4], [5, 6]], kind)
    net.params["stem.fc.weight"] = w
    net.params.update({"head.bias": [7, 8]})
    assert net.layers[0].layers[0].params["weight"] is array  # in place: whoever shares it sees it
    assert array.dtype == np.float32
    hidden = X @ w.T.astype(np.float32)
    norm = nn.BatchNorm(3)(hidden)
    np.testing.assert_allclose(net(X), norm @ net.params["head.weight"].T + [7, 8], rtol=1e-5)


def test_gradients_and_buffers_are_set_likewise() -> None:
    net, loss = a_net(), nn.SoftmaxCrossEntropy()
    with pytest.raises(nn.InputError, match=r"one of none, given 'head\.weight'"):
        net.grads["head.weight"] = np.zeros((2, 3))  # there is none before a backward pass
    loss(net(X, training=True), [0, 1, 0, 1])
    net.backward(loss.backward())
    before = net.params["head.weight"].copy()
    net.grads["head.weight"] = np.full((2, 3), 0.5)  # such as a gradient that was clipped
    nn.SGD(net, lr=1.0).step()
    np.testing.assert_allclose(net.params["head.weight"], before - 0.5, rtol=1e-6)
    net.buffers["stem.norm.num_batches_tracked"] = 5
    assert net.layers[0].layers[1].buffers["num_batches_tracked"] == 5


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("head.wieght", np.zeros((2, 3)), r"expected the name of an array, one of stem\.fc\.weight, .*'head\.wieght'"),
        ("head.weight", np.zeros((3, 2)), r"'head\.weight': expected float32 of shape \(2, 3\), .* shape \(3, 2\)"),
        ("head.weight", 0.0, r"given float64 of shape \(\)"),
        ("head.weight", np.zeros((2, 3), complex), "given complex128"),
        ("head.weight", np.full((2, 3), "a"), "given <U1"),
        ("head.weight", np.ma.array(np.zeros((2, 3)), mask=True), "given masked float64"),
        ("head.weight", None, "given object"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, values: np.ndarray, message: str) -> None:
    net = a_net()
    before = copy.deepcopy(net.params)
    with pytest.raises(nn.InputError, match=message):
        net.params[name] = values
    for key, array in net.params.items():
        np.testing.assert_array_equal(array, before[key])


def test_arrays_are_neither_added_nor_removed() -> None:
    params = a_net().params
    for change in (
        lambda: params.pop("head.bias"),
        lambda: params.popitem(),
        lambda: params.clear(),
        lambda: params.setdefault("head.bias", 0),
        lambda: params.__delitem__("head.bias"),
    ):
        with pytest.raises(TypeError, match="the layers decide which arrays a network has"):
            change()
    with pytest.raises(AttributeError):
        a_net().params = {}


def test_copies_are_plain_dicts_of_their_own() -> None:
    net = a_net()
    for kept in (copy.deepcopy(net.params), pickle.loads(pickle.dumps(net.params))):
        assert type(kept) is dict
        net.params["head.weight"] = np.ones((2, 3))
        assert (kept["head.weight"] != 1).all()
        kept["other"] = np.zeros(1)
    best = copy.deepcopy(a_net().params)
    net.params.update(best)
    np.testing.assert_array_equal(net.params["head.weight"], best["head.weight"])


def test_layers_are_read_only() -> None:
    net = a_net()
    with pytest.raises(AttributeError):
        net.layers.append(nn.ReLU())  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        net.named_layers["head"] = nn.Dense(3, 9)  # type: ignore[index]
    with pytest.raises(AttributeError):
        net.layers = [nn.ReLU()]  # type: ignore[misc, assignment]
    longer = nn.Sequential([*net.layers, nn.ReLU()])  # of the same layers
    np.testing.assert_array_equal(longer(X), np.maximum(net(X), 0))


def test_a_network_is_copied_and_pickled_whole() -> None:
    net = a_net()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(other(X), net(X))
        other.params["head.bias"] = [5, 5]
        assert (other(X) != net(X)).all()
