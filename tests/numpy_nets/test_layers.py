"""What holds for every layer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from layer_checks import check_against_twin, check_by_central_differences, distinct_numbers, fill_weights

from groundup import numpy_nets as nn


class Case(NamedTuple):
    make: Callable[..., nn.Layer]  # given a dtype
    shape: tuple[int, ...]
    twin: Callable[[], torch.nn.Module]  # in float64
    training: bool = True


T = torch.nn
CASES = {
    "dense": Case(lambda d: nn.Dense(4, 3, dtype=d), (5, 4), lambda: T.Linear(4, 3)),
    "dense without bias": Case(lambda d: nn.Dense(4, 3, bias=False, dtype=d), (5, 4), lambda: T.Linear(4, 3, False)),
    "conv": Case(lambda d: nn.Conv2D(2, 3, 3, dtype=d), (2, 2, 5, 6), lambda: T.Conv2d(2, 3, 3)),
    "conv, stride and padding": Case(
        lambda d: nn.Conv2D(2, 3, 3, stride=2, padding=1, dtype=d), (2, 2, 6, 5), lambda: T.Conv2d(2, 3, 3, 2, 1)
    ),
    "conv without bias": Case(
        lambda d: nn.Conv2D(1, 2, 2, bias=False, dtype=d), (2, 1, 3, 4), lambda: T.Conv2d(1, 2, 2, bias=False)
    ),
    "max pool": Case(lambda d: nn.MaxPool2D(2), (2, 3, 5, 4), lambda: T.MaxPool2d(2)),
    "max pool, overlapping": Case(lambda d: nn.MaxPool2D(3, stride=2), (2, 2, 7, 5), lambda: T.MaxPool2d(3, 2)),
    "average pool": Case(lambda d: nn.AvgPool2D(2), (2, 3, 5, 4), lambda: T.AvgPool2d(2)),
    "average pool, overlapping": Case(lambda d: nn.AvgPool2D(3, stride=2), (2, 2, 7, 5), lambda: T.AvgPool2d(3, 2)),
    "flatten": Case(lambda d: nn.Flatten(), (2, 3, 4, 5), T.Flatten),
    "batch norm": Case(lambda d: nn.BatchNorm(3, dtype=d), (6, 3), lambda: T.BatchNorm1d(3)),
    "batch norm of images": Case(lambda d: nn.BatchNorm(3, dtype=d), (2, 3, 3, 4), lambda: T.BatchNorm2d(3)),
    "batch norm, not training": Case(lambda d: nn.BatchNorm(3, dtype=d), (6, 3), lambda: T.BatchNorm1d(3), False),
    "dropout, not training": Case(lambda d: nn.Dropout(0.5), (3, 4), lambda: T.Dropout(0.5), False),
    "identity": Case(lambda d: nn.Identity(), (3, 4), T.Identity),
    "relu": Case(lambda d: nn.ReLU(), (3, 4), T.ReLU),
    "sigmoid": Case(lambda d: nn.Sigmoid(), (3, 4), T.Sigmoid),
    "tanh": Case(lambda d: nn.Tanh(), (3, 4), T.Tanh),
    "softmax": Case(lambda d: nn.Softmax(), (3, 4), lambda: T.Softmax(dim=1)),
}
WEIGHTED = [name for name, case in CASES.items() if case.make(np.float64).params]


@pytest.fixture(params=CASES)
def case(request) -> Case:
    return CASES[request.param]


def make(case: Case, dtype: type = np.float64) -> tuple[nn.Layer, np.ndarray]:
    layer = case.make(dtype)
    fill_weights(layer)
    return layer, distinct_numbers(case.shape, dtype=dtype)


def test_gradients_are_those_of_central_differences(case):
    check_by_central_differences(*make(case), case.training)


def test_outputs_and_gradients_are_those_of_pytorch(case):
    layer, x = make(case)
    check_against_twin(layer, case.twin().double(), x, case.training)


def test_float32_stays_float32_and_is_pytorchs_too(case):
    layer, x = make(case, np.float32)
    check_against_twin(layer, case.twin(), x, case.training, rtol=2e-5)


def test_a_wrong_input_gradient_is_caught(case, monkeypatch):
    """The control of both checks: a gradient a thousandth too long in a single place."""
    layer, x = make(case)
    right = layer.backward_input

    def wrong(grad: np.ndarray) -> np.ndarray:
        dx = right(grad).copy()
        place = np.unravel_index(np.abs(dx).argmax(), dx.shape)
        dx[place] *= 1.001
        return dx

    monkeypatch.setattr(layer, "backward_input", wrong)
    with pytest.raises(AssertionError):
        check_by_central_differences(layer, x, case.training)
    with pytest.raises(AssertionError):
        check_against_twin(layer, case.twin().double(), x, case.training)


@pytest.mark.parametrize("name", WEIGHTED)
def test_a_wrong_weight_gradient_is_caught(name, monkeypatch):
    case = CASES[name]
    for weight in case.make(np.float64).params:
        layer, x = make(case)
        right = layer.backward_params

        def wrong(grad: np.ndarray, layer=layer, right=right, weight=weight) -> None:
            right(grad)
            layer.grads[weight].flat[np.abs(layer.grads[weight]).argmax()] *= 1.001

        monkeypatch.setattr(layer, "backward_params", wrong)
        with pytest.raises(AssertionError):
            check_by_central_differences(layer, x, case.training)
        with pytest.raises(AssertionError):
            check_against_twin(layer, case.twin().double(), x, case.training)


class SoftmaxWithoutJacobian(nn.Softmax):
    def backward_input(self, grad):
        return grad * (self._y * (1 - self._y))  # the diagonal alone


class ConvKernelNotFlipped(nn.Conv2D):
    def backward_input(self, grad):
        self.params["weight"] = self.params["weight"][:, :, ::-1].copy()
        return super().backward_input(grad)


class BatchNormOfConstants(nn.BatchNorm):
    def backward_input(self, grad):
        self._trained = False  # as if mean and variance did not depend on the batch
        return super().backward_input(grad)


class MeanForSum(nn.Dense):
    def backward_params(self, grad):
        super().backward_params(grad)
        self.grads["bias"] = grad.mean(axis=0)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (SoftmaxWithoutJacobian(), "softmax"),
        (ConvKernelNotFlipped(2, 3, 3, dtype=np.float64), "conv"),
        (BatchNormOfConstants(3, dtype=np.float64), "batch norm"),
        (MeanForSum(4, 3, dtype=np.float64), "dense"),
    ],
)
def test_mistakes_that_people_make_are_caught(wrong, name):
    case = CASES[name]
    for check in (check_by_central_differences, lambda *a: check_against_twin(a[0], case.twin().double(), a[1])):
        fill_weights(wrong)
        with pytest.raises(AssertionError):
            check(wrong, distinct_numbers(case.shape))


def test_numbers_do_not_depend_on_how_arrays_lie_in_memory(case):
    layer, x = make(case)
    expected = layer.forward(x, case.training).copy()
    r = distinct_numbers(expected.shape, seed=3)
    expected_dx, expected_grads = layer.backward(r).copy(), dict(layer.grads)
    for scattered in (lambda a: np.asfortranarray(a), lambda a: np.repeat(a, 2, axis=-1)[..., ::2]):
        layer = case.make(np.float64)
        fill_weights(layer)
        np.testing.assert_allclose(layer.forward(scattered(x), case.training), expected, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(layer.backward(scattered(r)), expected_dx, rtol=1e-12, atol=1e-14)
        for name, grad in expected_grads.items():
            np.testing.assert_allclose(layer.grads[name], grad, rtol=1e-12, atol=1e-14)


def test_neither_input_nor_gradient_is_changed(case):
    layer, x = make(case)
    x_before = x.copy()
    r = distinct_numbers(layer.forward(x, case.training).shape, seed=3)
    r_before = r.copy()
    layer.backward(r)
    np.testing.assert_array_equal(x, x_before)
    np.testing.assert_array_equal(r, r_before)


@pytest.mark.parametrize("name", WEIGHTED)
def test_each_backward_pass_writes_new_gradients(name):
    """Whoever keeps the gradients of one step, as autograd does, does not find those of the next one in them."""
    layer, x = make(CASES[name])
    r = distinct_numbers(layer.forward(x, True).shape, seed=3)
    layer.backward(r)
    first = dict(layer.grads)
    kept = {key: grad.copy() for key, grad in first.items()}
    layer.forward(x * 2, True)
    layer.backward(r * 3)
    for key, grad in first.items():
        assert not np.shares_memory(grad, layer.grads[key])
        np.testing.assert_array_equal(grad, kept[key])


@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_may_be_replaced_by_other_arrays(name):
    layer, x = make(CASES[name])
    layer.params.update({key: weight.astype(np.float32) + 1 for key, weight in layer.params.items()})
    layer.buffers.update({key: b.astype(np.float32) for key, b in layer.buffers.items() if b.dtype.kind == "f"})
    check_against_twin(layer, CASES[name].twin(), x.astype(np.float32), CASES[name].training, rtol=2e-5)


@pytest.mark.parametrize(("kind", "sizes"), [(nn.Dense, (4, 3)), (nn.Conv2D, (2, 3, 3)), (nn.NeuronLayer, (4, 3))])
def test_the_same_generator_draws_the_same_weights(kind, sizes):
    first, second, other = (kind(*sizes, rng=np.random.default_rng(seed)).params["weight"] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert not (first == other).any()


@pytest.mark.parametrize("name", WEIGHTED)
def test_bad_batches_are_refused_by_name(name):
    layer, x = make(CASES[name])
    layer.name = "first"
    label = f"{type(layer).__name__} 'first'"
    bad = x.copy()
    bad.flat[3] = np.nan
    infinite = x.copy()
    infinite.flat[3] = -np.inf
    place = tuple(int(i) for i in np.unravel_index(3, x.shape))
    for given, message in [
        (x[:, :1].repeat(9, axis=1), f"expected an array of shape .*{x.shape[1]}.*, given .*9"),
        (x[0], "expected an array of shape"),
        (x[:0], "at least one sample"),
        (x.astype(np.float32), "expected an array of float64, as its weights are, given float32"),
        (x.astype(int), "given int64"),
        (x.tolist(), "expected a NumPy array, given list"),
        (bad, f"expected finite numbers, given nan at {place}"),
        (infinite, "given -inf"),
    ]:
        with pytest.raises(nn.InputError, match=message.replace("(", r"\(").replace(")", r"\)")) as error:
            layer.forward(given)
        assert label in str(error.value)


def test_what_is_no_batch_of_numbers_is_refused_by_layers_without_weights_too(case):
    layer, x = make(case)
    layer.name = "first"
    for given, message in [
        (x[:0], "expected at least one sample, given an empty array"),
        (x.astype(int), "expected an array of float32 or float64, given int64"),
        (x.astype(np.float16), "expected an array of float32 or float64, given float16"),
        (x.tolist(), "expected a NumPy array, given list"),
    ]:
        with pytest.raises(nn.InputError, match=f"^{type(layer).__name__} 'first': {message}"):
            layer.forward(given, case.training)


def test_a_gradient_of_another_shape_is_refused(case):
    layer, x = make(case)
    grad = np.ones_like(layer.forward(x, case.training))
    kind = type(layer).__name__
    for wrong in (grad[:1], grad[..., :1], grad.reshape(-1)):
        with pytest.raises(nn.InputError, match=rf"^{kind}: expected a gradient of shape \(.*\), given"):
            layer.backward(wrong)
    with pytest.raises(nn.InputError, match="float32 or float64, given int64"):
        layer.backward(grad.astype(int))
    layer.backward(grad)  # the control


def test_a_backward_pass_before_any_forward_pass_is_refused(case):
    layer, x = make(case)
    grad = np.ones_like(make(case)[0].forward(x, case.training))
    with pytest.raises(RuntimeError, match=rf"^{type(layer).__name__}: backward\(\) needs a forward\(\) before it$"):
        layer.backward(grad)


def test_the_last_forward_pass_is_the_one_that_counts(case):
    layer, x = make(case)
    twin, _ = make(case)
    half = x[: len(x) // 2 + 1]
    layer.forward(x, case.training)
    grad = distinct_numbers(layer.forward(half, case.training).shape, seed=3)
    twin.forward(half, case.training)
    np.testing.assert_array_equal(layer.backward(grad), twin.backward(grad))
    np.testing.assert_array_equal(layer.backward(grad), twin.backward(grad))  # as often as one likes


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: nn.Dense(0, 3), "Dense: expected in_features to be a whole number from 1 on, given 0"),
        (lambda: nn.Dense(3, 2.5), "out_features"),
        (lambda: nn.Dense(3, 2, dtype=np.int32), "Dense: expected weights of float32 or float64, given int32"),
        (lambda: nn.Conv2D(1, 2, 0), "Conv2D: expected kernel_size"),
        (lambda: nn.Conv2D(1, 2, 3, stride=0), "stride"),
        (lambda: nn.Conv2D(1, 2, 3, padding=-1), "padding to be a whole number from 0 on, given -1"),
        (lambda: nn.Conv2D(1, 2, 3, dtype="float16"), "float16"),
        (lambda: nn.MaxPool2D(0), "MaxPool2D: expected size"),
        (lambda: nn.AvgPool2D(2, stride=0), "AvgPool2D: expected stride"),
        (lambda: nn.BatchNorm(0), "BatchNorm: expected num_features"),
        (lambda: nn.BatchNorm(2, dtype=int), "BatchNorm: expected weights of float32"),
        (lambda: nn.Dropout(1.0), "Dropout: expected 0 <= p < 1, given 1.0"),
        (lambda: nn.Dropout(0.5, rng=0), "Dropout: expected rng to be a np.random.Generator, .* given 0"),
        (lambda: nn.Dense(3, 2, rng=0), "Dense: expected rng to be a np.random.Generator"),  # 0 is a seed, not None
        (lambda: nn.NeuronLayer(2, 1, "step"), "Neuron: expected one of .*sigmoid.*, given 'step'"),
    ],
)
def test_a_layer_none_could_build_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_a_layer_says_what_it_is():
    assert repr(nn.Conv2D(1, 6, 5, stride=2, padding=2, bias=False)) == (
        "Conv2D(1, 6, 5, stride=2, padding=2, bias=False)"
    )
    assert repr(nn.MaxPool2D(3, stride=2)) == "MaxPool2D(3, stride=2)"
    assert repr(nn.Dense(4, 3)) == "Dense(4, 3)"


def test_numpy_nets_imports_neither_torch_nor_any_other_room_of_the_project():
    code = "import sys, groundup.numpy_nets; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "lightning", "hydra", "omegaconf"} & set(modules)
    ours = {name.split(".")[1] for name in modules if name.startswith("groundup.")}
    assert ours <= {"numpy_nets", "printable"}  # a stone, which needs nothing
