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
    assert errors.keys() == {*net.params, "input"}
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


def errors_of(layers: list[nn.Layer], shape: tuple[int, ...] = (6, 2)) -> dict[str, float]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=shape), np.eye(3)[np.arange(shape[0]) % 3]
    return nn.gradient_errors(nn.Sequential(layers), x, y, nn.MeanSquaredError())


def dense(*sizes: int, **options) -> nn.Dense:
    return nn.Dense(*sizes, dtype=np.float64, rng=np.random.default_rng(2), **options)


def test_gradients_that_are_zero_are_right():
    """The bias before batch norm has no influence at all: only rounding is measured."""
    for layers in (
        [dense(2, 4), nn.BatchNorm(4, dtype=np.float64), nn.Tanh(), dense(4, 3)],
        [dense(2, 4, init=lambda rng, shape: np.zeros(shape)), nn.Tanh(), dense(4, 3)],
        [dense(2, 3, init=lambda rng, shape: np.zeros(shape))],
    ):
        assert max(errors_of(layers).values()) < 1e-6
        batch = np.random.default_rng(0).normal(size=(6, 2)), np.arange(6) % 3
        assert max(nn.gradient_errors(nn.Sequential(layers), *batch, nn.SoftmaxCrossEntropy()).values()) < 1e-6


@pytest.mark.parametrize("wrong", [1e-7, 1e-3])
def test_a_gradient_that_should_be_zero_and_is_not_is_caught(monkeypatch, wrong: float):
    layers = [dense(2, 4), nn.BatchNorm(4, dtype=np.float64), nn.Tanh(), dense(4, 3)]
    right = layers[0].backward_params
    monkeypatch.setattr(
        layers[0], "backward_params", lambda grad: (right(grad), layers[0].grads.update(bias=np.full(4, wrong)))
    )
    errors = errors_of(layers)
    assert errors["0.bias"] > 1e-6
    assert max(error for name, error in errors.items() if name != "0.bias") < 1e-6


def test_a_small_gradient_that_is_wrong_is_caught(monkeypatch):
    """A thousandth of a thousandth of the others: of weights behind small ones."""
    layers = [dense(2, 4), nn.Tanh(), dense(4, 3, init=lambda rng, shape: 1e-6 * rng.normal(size=shape))]
    assert max(errors_of(layers).values()) < 1e-6
    right = layers[0].backward_params

    def wrong(grad: np.ndarray) -> None:
        right(grad)
        layers[0].grads["weight"] *= 2

    monkeypatch.setattr(layers[0], "backward_params", wrong)
    assert errors_of(layers)["0.weight"] > 1e-5


@pytest.mark.parametrize("first", [lambda: dense(2, 3), nn.Tanh])
def test_a_wrong_input_gradient_of_the_first_layer_is_caught(monkeypatch, first):
    layer, shape = first(), (6, 2 if first is not nn.Tanh else 3)
    assert max(errors_of([layer], shape).values()) < 1e-6
    right = layer.backward_input
    monkeypatch.setattr(layer, "backward_input", lambda grad: 1.001 * right(grad))
    errors = errors_of([layer], shape)
    assert errors["input"] > 1e-4
    assert max((error for name, error in errors.items() if name != "input"), default=0) < 1e-6


def test_a_first_layer_may_have_no_input_gradient():
    class First(nn.Dense):
        def backward_input(self, grad: np.ndarray) -> np.ndarray:
            raise NotImplementedError

    errors = errors_of([First(2, 3, dtype=np.float64)])
    assert errors.keys() == {"0.weight", "0.bias"}
    assert max(errors.values()) < 1e-6


def test_a_gradient_of_another_shape_is_not_stretched_to_fit(monkeypatch):
    layer = dense(2, 3)
    right = layer.backward_params
    monkeypatch.setattr(
        layer, "backward_params", lambda grad: (right(grad), layer.grads.update(bias=grad.sum(keepdims=True)))
    )
    with pytest.raises(nn.InputError, match=r"expected a gradient of shape \(3,\) for '0\.bias', given \(1, 1\)"):
        errors_of([layer])


@pytest.mark.parametrize("passes", [1, 5, 20])
def test_an_interrupted_check_leaves_weights_and_buffers_as_they_were(monkeypatch, passes: int):
    net = nn.Sequential([dense(2, 3), nn.BatchNorm(3, dtype=np.float64)])
    x, y = np.random.default_rng(0).normal(size=(6, 2)), np.arange(6) % 3
    before = {name: array.copy() for name, array in {**net.params, **net.buffers}.items()}
    loss, seen = nn.SoftmaxCrossEntropy(), []
    right = loss.terms

    def terms(out: np.ndarray, target: np.ndarray) -> np.ndarray:
        seen.append(out)
        if len(seen) > passes:
            raise KeyboardInterrupt
        return right(out, target)

    monkeypatch.setattr(loss, "terms", terms)
    with pytest.raises(KeyboardInterrupt):
        nn.gradient_errors(net, x, y, loss)
    for name, array in {**net.params, **net.buffers}.items():
        np.testing.assert_array_equal(array, before[name])


def an_image_net(*, scale: float = 1.0) -> tuple[nn.Sequential, np.ndarray, np.ndarray]:
    """Images that are blank but for a corner: all numbers of a window are the same there."""
    rng = np.random.default_rng(0)
    x = np.zeros((2, 1, 8, 8))
    x[:, :, :4, :4] = rng.random((2, 1, 4, 4))
    layers = [nn.Conv2D(1, 2, 3, dtype=np.float64, rng=rng), nn.ReLU(), nn.MaxPool2D(2), nn.Flatten()]
    net = nn.Sequential([*layers, nn.Dense(18, 3, dtype=np.float64, rng=rng)])
    net.params["0.bias"] = [0.1, 0.2]
    right = net.layers[0].backward_input
    net.layers[0].backward_input = lambda grad: scale * right(grad)
    return net, x, np.array([0, 2])


def test_a_blank_part_of_an_image_is_no_error():
    assert max(nn.gradient_errors(*an_image_net(), nn.SoftmaxCrossEntropy()).values()) < 1e-6


@pytest.mark.parametrize("scale", [-1, 0, 1.001, 2])
def test_beside_a_blank_part_of_an_image_errors_are_caught(scale: float):
    assert nn.gradient_errors(*an_image_net(scale=scale), nn.SoftmaxCrossEntropy())["input"] > 1e-4


@pytest.mark.parametrize(("scale", "right"), [(1, True), (1.1, False), (-1, False)])
def test_tiny_weights_before_batch_norm_are_measured_as_well_as_can_be(scale: float, right: bool):
    """Where slopes change within the step itself."""
    rng = np.random.default_rng(29)
    layers = [nn.Dense(2, 5, init="normal", dtype=np.float64, rng=rng), nn.BatchNorm(5, dtype=np.float64)]
    net = nn.Sequential([*layers, nn.Tanh(), nn.Dense(5, 3, dtype=np.float64, rng=rng)])
    weights = layers[0].backward_params
    layers[0].backward_params = lambda grad: weights(scale * grad)
    x, y = rng.normal(size=(6, 2)), np.arange(6) % 3
    assert (nn.gradient_errors(net, x, y, nn.SoftmaxCrossEntropy())["0.weight"] < 1e-6) == right


class Scale(nn.Layer):
    """A layer of one's own, whose only weight is a single number."""

    def __init__(self) -> None:
        super().__init__()
        self.params["scale"] = np.array(2.0)

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self._x = x
        return self.params["scale"] * x

    def backward_params(self, grad: np.ndarray) -> None:
        self.grads["scale"] = np.array((grad * self._x).sum())

    def backward_input(self, grad: np.ndarray) -> np.ndarray:
        return grad * self.params["scale"]


def test_a_weight_of_a_single_number_is_checked_too(monkeypatch):
    assert max(errors_of([Scale(), dense(2, 3)]).values()) < 1e-6
    monkeypatch.setattr(Scale, "backward_input", lambda self, grad: grad)
    assert errors_of([Scale(), dense(2, 3)])["input"] > 0.1


def a_random_check(seed: int, scale: float) -> dict[str, float]:
    """Of a network of any widths and sizes of weights, whose first gradient is `scale` times the right one."""
    rng = np.random.default_rng(seed)
    hidden, init = int(rng.integers(2, 6)), str(rng.choice(["xavier", "standard_normal", "normal", "uniform"]))
    first, last = (
        nn.Dense(*sizes, bias=bool(rng.integers(2)), init=init, dtype=np.float64, rng=rng)
        for sizes in ((2, hidden), (hidden, 3))
    )
    norm = [nn.BatchNorm(hidden, dtype=np.float64)] * int(rng.integers(2))
    last.params["weight"] *= 10.0 ** -rng.integers(0, 4)
    right = first.backward_params
    first.backward_params = lambda grad: right(scale * grad)  # type: ignore[method-assign]
    net = nn.Sequential([first, *norm, [nn.Tanh, nn.Sigmoid, nn.Softmax][rng.integers(3)](), last])
    x, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 3)) * 10.0 ** rng.integers(-2, 3)
    return nn.gradient_errors(net, x, y, nn.MeanSquaredError(["mean", "sum"][rng.integers(2)]))


def test_right_networks_of_any_kind_pass_and_wrong_ones_do_not():
    for seed in range(60):
        assert max(a_random_check(seed, 1).values()) < 1e-6, seed
    caught = [max(a_random_check(seed, scale).values()) > 1e-6 for seed in range(60) for scale in (-1, 1.1, 2)]
    missed = [divmod(i, 3) for i, found in enumerate(caught) if not found]
    assert missed == []
