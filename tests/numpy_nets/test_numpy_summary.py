"""The table of a network's layers."""

from __future__ import annotations

import numpy as np
import pytest

from groundup import numpy_nets as nn


def a_net() -> nn.Sequential:
    features = nn.Sequential({"conv": nn.Conv2D(1, 6, 5), "act": nn.ReLU(), "pool": nn.MaxPool2D(2)})
    return nn.Sequential({"features": features, "flat": nn.Flatten(), "drop": nn.Dropout(), "fc": nn.Dense(864, 10)})


def test_shapes_and_parameters_are_counted() -> None:
    # 6 (5·5 + 1) = 156 and 10 (864 + 1) = 8,650
    assert a_net().summary((1, 28, 28)).splitlines() == [
        "layer          type             output   parameters",
        "---------------------------------------------------",
        "features.conv  Conv2D(1, 6, 5)  6x24x24         156",
        "features.act   ReLU()           6x24x24           0",
        "features.pool  MaxPool2D(2)     6x12x12           0",
        "flat           Flatten()        864               0",
        "drop           Dropout(0.5)     864               0",
        "fc             Dense(864, 10)   10            8,650",
        "---------------------------------------------------",
        "total                                         8,806",
    ]


def test_shapes_may_be_left_out() -> None:
    lines = a_net().summary().splitlines()
    assert lines[0] == "layer          type             parameters"
    assert lines[-1].split() == ["total", "8,806"]


def test_an_image_that_does_not_fit_is_refused() -> None:
    with pytest.raises(nn.InputError, match=r"Dense 'fc': expected an array of shape \(N, 864\), given \(1, 216\)"):
        a_net().summary((1, 16, 16))


def test_the_last_forward_pass_is_not_forgotten() -> None:
    net, x = a_net(), np.random.default_rng(0).random((2, 1, 28, 28), np.float32)
    net.backward(net.forward(x))
    before = net.grads
    out = net.forward(x)
    net.summary((1, 28, 28))
    net.backward(out)
    for name, grad in net.grads.items():
        np.testing.assert_array_equal(grad, before[name])
