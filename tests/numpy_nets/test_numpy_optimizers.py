"""Optimizers: by hand, and as PyTorch has them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from groundup import numpy_nets as nn

RULES = [
    (nn.SGD, torch.optim.SGD, {"lr": 0.1}),
    (nn.SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (nn.SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (nn.SGD, torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.1}),
    (nn.SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (nn.RMSProp, torch.optim.RMSprop, {}),
    (nn.RMSProp, torch.optim.RMSprop, {"lr": 0.02, "alpha": 0.9, "eps": 1e-6, "weight_decay": 0.1}),
    (nn.RMSProp, torch.optim.RMSprop, {"lr": 0.02, "momentum": 0.9}),
    (nn.Adam, torch.optim.Adam, {}),
    (nn.Adam, torch.optim.Adam, {"lr": 0.02, "betas": (0.8, 0.9), "eps": 1e-6}),
    (nn.Adam, torch.optim.Adam, {"lr": 0.02, "weight_decay": 0.1}),
]


def a_layer(weight: float = 1.0, gradient: float = 0.5) -> nn.Dense:
    """One weight w and its gradient."""
    layer = nn.Dense(1, 1, bias=False, dtype=np.float64)
    layer.params["weight"][...] = weight
    layer.grads["weight"] = np.full((1, 1), gradient)
    return layer


def twins(rng: np.random.Generator) -> tuple[nn.Sequential, torch.nn.Sequential]:
    net = nn.Sequential(
        [nn.Dense(5, 4, dtype=np.float64, rng=rng), nn.Tanh(), nn.Dense(4, 3, dtype=np.float64, rng=rng)]
    )
    twin = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3)).double()
    twin.load_state_dict({name: torch.from_numpy(weight.copy()) for name, weight in net.params.items()})
    return net, twin


def ten_steps(optimizer: Callable[[nn.Sequential], nn.Optimizer], theirs: Callable[..., torch.optim.Optimizer]) -> None:
    """Raises AssertionError if the weights are not equal afterwards."""
    rng = np.random.default_rng(0)
    net, twin = twins(rng)
    ours, loss, other = optimizer(net), nn.SoftmaxCrossEntropy(), theirs(twin.parameters())
    for _ in range(10):
        x, y = rng.normal(size=(4, 5)), rng.integers(0, 3, 4)
        loss.forward(net.forward(x, training=True), y)
        net.backward(loss.backward())
        ours.step()
        other.zero_grad()
        torch.nn.functional.cross_entropy(twin(torch.from_numpy(x)), torch.from_numpy(y)).backward()
        other.step()
    for name, weight in twin.state_dict().items():
        np.testing.assert_allclose(net.params[name], weight, rtol=1e-9)


@pytest.mark.parametrize(("ours", "theirs", "options"), RULES)
def test_equal_to_pytorch_after_ten_steps(ours: type, theirs: type, options: dict) -> None:
    ten_steps(lambda net: ours(net, **options), lambda weights: theirs(weights, **options))


def test_a_wrong_rule_is_caught() -> None:
    with pytest.raises(AssertionError):
        ten_steps(lambda net: nn.Adam(net, eps=1e-7), lambda weights: torch.optim.Adam(weights, eps=1e-8))


def test_sgd_with_momentum_by_hand() -> None:
    # v = 0.5, w = 1 - 0.1·0.5 = 0.95; then v = 0.9·0.5 + 0.5 = 0.95, w = 0.95 - 0.1·0.95 = 0.855
    layer = a_layer()
    optimizer = nn.SGD(layer, lr=0.1, momentum=0.9)
    for expected in (0.95, 0.855):
        optimizer.step()
        assert layer.params["weight"].item() == pytest.approx(expected, rel=1e-12)


def test_adam_without_bias_correction_by_hand() -> None:
    # m = 0.1·0.5 = 0.05, v = 0.001·0.5² = 0.00025, w = 1 - 0.1·0.05 / (sqrt(0.00025) + 0.01)
    layer = a_layer()
    nn.Adam(layer, lr=0.1, betas=(0.9, 0.999), eps=0.01, bias_correction=False).step()
    assert layer.params["weight"].item() == pytest.approx(1 - 0.1 * 0.05 / (math.sqrt(0.00025) + 0.01), rel=1e-12)


def test_the_first_step_of_adam_with_bias_correction_is_as_long_as_lr() -> None:
    # m̂ = g and v̂ = g², hence m̂ / sqrt(v̂) is the sign of g (Kingma and Ba 2015, section 2.1)
    layer = a_layer()
    nn.Adam(layer, lr=0.1, eps=0).step()
    assert layer.params["weight"].item() == pytest.approx(0.9, rel=1e-12)


@pytest.mark.parametrize(("kind", "options"), [(ours, options) for ours, _, options in RULES])
def test_weights_change_in_place_and_gradients_not_at_all(kind: type, options: dict) -> None:
    layer = nn.Dense(3, 2, dtype=np.float32)
    weight = layer.params["weight"]
    gradient = layer.grads["weight"] = np.ones((2, 3), np.float32)
    layer.grads["bias"] = np.ones(2, np.float32)
    before, optimizer = weight.copy(), kind(layer, **options)
    optimizer.step()
    optimizer.step()
    assert layer.params["weight"] is weight
    assert weight.dtype == np.float32
    assert (weight != before).all()
    assert (gradient == 1).all()


def test_arrays_put_in_place_of_the_weights_are_the_ones_that_move() -> None:
    layer = a_layer()
    optimizer = nn.SGD(layer, lr=1)
    optimizer.step()
    layer.params["weight"] = np.full((1, 1), 7.0)
    optimizer.step()
    assert layer.params["weight"].item() == 6.5


def test_lr_may_be_changed_between_steps() -> None:
    layer = a_layer()
    optimizer = nn.SGD(layer, lr=0.1)
    optimizer.lr = np.float64(1.0)
    optimizer.step()
    assert layer.params["weight"].item() == 0.5


def test_a_step_before_any_backward_is_refused() -> None:
    net = nn.Sequential([nn.Dense(2, 2), nn.ReLU()])
    with pytest.raises(RuntimeError, match=r"Adam: '0\.weight' has no gradient yet: net\.backward"):
        nn.Adam(net).step()


def test_weights_instead_of_their_network_are_refused() -> None:
    with pytest.raises(nn.InputError, match="SGD: expected a network or a layer, given dict"):
        nn.SGD(a_layer().params, lr=0.1)  # type: ignore[arg-type]


BAD_ARGUMENTS = [
    (nn.SGD, {"lr": -0.1}, r"SGD: lr is a finite number from 0 on, given -0\.1"),
    (nn.SGD, {"lr": math.nan}, r"lr .* given nan"),
    (nn.SGD, {"lr": math.inf}, r"lr .* given inf"),
    (nn.SGD, {"lr": "0.1"}, r"SGD: lr is a finite number from 0 on, given '0\.1'"),
    (nn.SGD, {"lr": 1, "momentum": 1}, r"momentum is a number from 0 to below 1, given 1"),
    (nn.SGD, {"lr": 1, "weight_decay": -1}, r"weight_decay .* given -1"),
    (nn.SGD, {"lr": 1, "nesterov": True}, r"SGD: nesterov=True needs a momentum above 0, given 0"),
    (nn.RMSProp, {"alpha": 1.5}, r"RMSProp: alpha is a number from 0 to below 1, given 1\.5"),
    (nn.RMSProp, {"eps": -1}, r"eps .* given -1"),
    (nn.Adam, {"betas": (0.9, 1.0)}, r"Adam: betas\[1\] is a number from 0 to below 1, given 1\.0"),
]


@pytest.mark.parametrize(("kind", "options", "message"), BAD_ARGUMENTS)
def test_arguments_out_of_range_are_refused(kind: type, options: dict, message: str) -> None:
    with pytest.raises(nn.InputError, match=message):
        kind(a_layer(), **options)


@pytest.mark.parametrize("rule", [nn.SGD, nn.RMSProp, nn.Adam])
@pytest.mark.parametrize(
    ("grad", "given"),
    [(np.ones((2, 3)), r"\(2, 3\)"), (np.ones(2), r"\(2,\)"), (np.float64(1), "float64"), ([1, 2], "list")],
)
def test_a_gradient_of_another_shape_is_not_stretched_to_fit(rule: type, grad: object, given: str) -> None:
    layer = nn.Dense(2, 2)
    layer.grads.update(weight=grad, bias=np.zeros(2))
    before = layer.params["weight"].copy()
    message = rf"{rule.__name__}: expected a gradient of shape \(2, 2\) for '0\.weight', given {given}"
    with pytest.raises(nn.InputError, match=message):
        rule(nn.Sequential([layer]), lr=0.1).step()
    np.testing.assert_array_equal(layer.params["weight"], before)


def test_gradients_by_other_names_are_told() -> None:
    net = nn.Sequential([nn.Dense(2, 2), nn.Dense(2, 2)])
    net.layers[0].grads.update(weight=np.zeros((2, 2), np.float32), bias=np.zeros(2, np.float32))
    net.layers[1].grads["dW"] = np.zeros((2, 2), np.float32)
    with pytest.raises(
        RuntimeError, match=r"'1\.weight' has no gradient yet: there are '1\.dW', but grads bear the names"
    ):
        nn.SGD(net, lr=0.1).step()


def test_no_weight_moves_before_all_gradients_were_looked_at() -> None:
    layer = nn.Dense(2, 2)
    layer.grads.update(weight=np.ones((2, 2), np.float32), bias=np.ones((1, 2), np.float32))
    before = layer.params["weight"].copy()
    with pytest.raises(nn.InputError, match=r"shape \(2,\) for 'bias', given \(1, 2\)"):
        nn.SGD(layer, lr=0.1).step()
    np.testing.assert_array_equal(layer.params["weight"], before)
