"""Whole networks by name: the layers asked for, drawn as asked for, and what cannot be made is refused."""

from __future__ import annotations

import numpy as np
import pytest

from groundup.numpy_nets import models

GREY = (1, (28, 28), 10)


def kinds(net):
    return [type(layer).__name__ for layer in net.layers]


def count(net):
    return sum(array.size for array in net.params.values())


@pytest.mark.parametrize(
    ("net", "published"),
    [
        # 785 * 64 + 65 * 10, and with 3072-64-32-10: 3073 * 64 + 65 * 32 + 33 * 10
        (models.mlp(*GREY, hidden_dims=[64]), 50_890),
        (models.mlp(3, (32, 32), 10, hidden_dims=[64, 32]), 199_082),
        (models.mlp(*GREY, hidden_dims=[]), 7_850),
        # 156 + 2,416 + 48,120 + 10,164 + 850
        (models.lenet(*GREY), 61_706),
        # 10 * 16 + (144 + 1) * 32 + (32 * 5 * 5 + 1) * 128 + 129 * 64 + 65 * 10
        (models.cnn(*GREY), 116_234),
    ],
    ids=["784-64-10", "3072-64-32-10", "linear", "lenet", "cnn"],
)
def test_parameter_counts_are_those_worked_out_by_hand(net, published):
    assert count(net) == published
    assert net.forward(np.zeros((2, *input_shape(net)), np.float32)).shape == (2, 10)


def input_shape(net):
    return (3, 32, 32) if count(net) == 199_082 else (1, 28, 28)


def test_the_layers_are_those_asked_for():
    net = models.mlp(1, (4, 4), 3, hidden_dims=(5,), activation="tanh", output="softmax", batch_norm=True, dropout=0.5)
    assert kinds(net) == ["Flatten", "Dense", "BatchNorm", "Tanh", "Dropout", "Dense", "Softmax"]
    assert "features.1.bias" not in net.params  # the norm has its own
    assert kinds(models.cnn(*GREY, channels=[4], hidden_dims=[], activation="sigmoid", pool="avg")) == [
        "Conv2D", "Sigmoid", "AvgPool2D", "Flatten", "Dense",
    ]  # fmt: skip
    assert list(models.lenet(*GREY, output="sigmoid").named_layers)[-2:] == ["head", "output"]


def test_outputs_of_a_softmax_add_up_to_one():
    x = np.random.default_rng(0).normal(size=(5, 1, 28, 28)).astype(np.float32)
    options = {"hidden_dims": [8], "rng": np.random.default_rng(1)}
    np.testing.assert_allclose(models.mlp(*GREY, output="softmax", **options).forward(x).sum(axis=1), 1, rtol=1e-5)
    assert abs(models.mlp(*GREY, **options).forward(x).sum(axis=1) - 1).max() > 0.1  # the control


@pytest.mark.parametrize("make", [models.mlp, models.lenet, models.cnn])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_follow_from_the_generator_and_have_the_type_asked_for(make, dtype):
    first, again, other = (make(*GREY, rng=np.random.default_rng(seed), dtype=dtype).params for seed in (1, 1, 2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["head.weight"], other["head.weight"])
    assert {array.dtype for array in first.values()} == {np.dtype(dtype)}


def test_perceptrons_are_drawn_as_published():
    weight = models.mlp(*GREY, hidden_dims=[64], init="perceptron", rng=np.random.default_rng(0)).params
    bound = np.sqrt(6 / (784 + 1))
    largest = abs(weight["features.1.weight"]).max()
    assert 0.99 * bound < largest <= bound
    assert not weight["features.1.bias"].any()


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (models.mlp, {"activation": "gelu"}, "activation: expected one of relu, sigmoid, tanh, given 'gelu'"),
        (models.lenet, {"pool": "min"}, "pool: expected one of max, avg, given 'min'"),
        (models.cnn, {"output": "relu"}, "output: expected one of identity, sigmoid, tanh, softmax, given 'relu'"),
        (models.cnn, {"init": "zero"}, "init: expected one of uniform, .*, given 'zero'"),
    ],
)
def test_an_unknown_name_is_refused_with_those_that_are_known(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(*GREY, **options)


@pytest.mark.parametrize(("channels", "side"), [([2], 4), ([2, 2], 10), ([2, 2, 2], 22)])
def test_the_smallest_image_of_the_cnn_leaves_one_pixel(channels, side):
    net = models.cnn(1, (side, side), 3, channels=channels, hidden_dims=[])
    assert net.params["head.weight"].shape == (3, 2)
    assert net.forward(np.zeros((1, 1, side, side), np.float32)).shape == (1, 3)
    with pytest.raises(ValueError, match=f"cnn: expected images of at least {side}x{side}, given {side}x{side - 1}"):
        models.cnn(1, (side, side - 1), 3, channels=channels, hidden_dims=[])
