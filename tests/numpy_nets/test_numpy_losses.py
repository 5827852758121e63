"""Losses: by hand, by central differences, and as PyTorch has them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from groundup import numpy_nets as nn

LOSSES = [nn.MeanSquaredError, nn.BinaryCrossEntropy, nn.SoftmaxCrossEntropy]
REDUCTIONS = ["mean", "batchmean", "sum", "half_sum"]
FACTORS = {"mean": 1 / 12, "batchmean": 1 / 4, "sum": 1, "half_sum": 1 / 2}  # of 4 samples, 3 outputs
TWINS = {
    nn.MeanSquaredError: torch.nn.functional.mse_loss,
    nn.BinaryCrossEntropy: torch.nn.functional.binary_cross_entropy,
    nn.SoftmaxCrossEntropy: torch.nn.functional.cross_entropy,
}


def a_batch(dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    """Outputs (4, 3), probabilities among them, and soft targets."""
    rng = np.random.default_rng(0)
    target = rng.random((4, 3))
    return rng.uniform(0.05, 0.95, (4, 3)).astype(dtype), (target / target.sum(axis=1, keepdims=True)).astype(dtype)


def worst_error(loss: nn.Loss) -> float:
    """Between gradient and central differences, relative to the largest slope."""
    out, target = a_batch()
    slopes = nn.central_differences(lambda: loss.forward(out, target), out)
    loss.forward(out, target)
    return float(np.abs(loss.backward() - slopes).max() / np.abs(slopes).max())


def test_mean_squared_error_by_hand() -> None:
    # (1 - 0)² + (2 - 4)² + (3 - 3)² + (4 - 3)² = 6, of 2 samples with 2 outputs
    out, target = np.array([[1.0, 2], [3, 4]]), np.array([[0.0, 4], [3, 3]])
    expected = {"mean": 6 / 4, "batchmean": 6 / 2, "sum": 6, "half_sum": 3}
    assert {r: nn.MeanSquaredError(r).forward(out, target) for r in REDUCTIONS} == expected
    half = nn.MeanSquaredError("half_sum")
    half.forward(out, target)
    assert half.backward().tolist() == [[1, -2], [0, 1]]  # y - t


def test_binary_cross_entropy_by_hand() -> None:
    # -log 0.8 for the 1, -log(1 - 0.4) for the 0
    loss = nn.BinaryCrossEntropy()
    value = loss.forward(np.array([[0.8], [0.4]]), np.array([1, 0]))
    assert value == pytest.approx((-math.log(0.8) - math.log(0.6)) / 2)
    assert loss.backward().ravel() == pytest.approx([-1 / 0.8 / 2, 1 / 0.6 / 2])


def test_softmax_cross_entropy_by_hand() -> None:
    # softmax of (log 1, log 2, log 5) is (1/8, 2/8, 5/8); the label is 1
    loss = nn.SoftmaxCrossEntropy()
    value = loss.forward(np.log([[1.0, 2, 5]]), np.array([1]))
    assert value == pytest.approx(math.log(4))
    assert loss.backward().ravel() == pytest.approx([1 / 8, 2 / 8 - 1, 5 / 8])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", LOSSES)
def test_gradients_are_the_slopes(kind: type[nn.Loss], reduction: str) -> None:
    assert worst_error(kind(reduction)) < 1e-6


@pytest.mark.parametrize("kind", LOSSES)
def test_a_wrong_gradient_is_caught(kind: type[nn.Loss], monkeypatch: pytest.MonkeyPatch) -> None:
    right = kind.slopes
    monkeypatch.setattr(kind, "slopes", lambda self, out, target: right(self, out, target) + 1e-4)
    assert worst_error(kind()) > 1e-6


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", LOSSES)
def test_equal_to_pytorch(kind: type[nn.Loss], reduction: str) -> None:
    out, target = a_batch()
    logits = torch.from_numpy(out).requires_grad_()
    twin = TWINS[kind](logits, torch.from_numpy(target), reduction="sum") * FACTORS[reduction]
    twin.backward()
    loss = kind(reduction)
    assert loss.forward(out, target) == pytest.approx(twin.item(), rel=1e-9)
    np.testing.assert_allclose(loss.backward(), logits.grad, rtol=1e-9)


@given(
    kind=st.sampled_from(LOSSES),
    samples=st.integers(1, 9),
    outputs=st.integers(2, 12),
    seed=st.integers(0, 99),
)
@settings(max_examples=50, deadline=None)
def test_any_batch_of_labels_costs_what_it_costs_in_pytorch(
    kind: type[nn.Loss], samples: int, outputs: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    out, labels = rng.uniform(0.01, 0.99, (samples, outputs)), rng.integers(0, outputs, samples)
    logits = torch.from_numpy(out).requires_grad_()
    twin = TWINS[kind](logits, torch.from_numpy(np.eye(outputs)[labels]))
    twin.backward()
    loss = kind()
    assert loss.forward(out, labels) == pytest.approx(twin.item(), rel=1e-9)
    np.testing.assert_allclose(loss.backward(), logits.grad, rtol=1e-9)


@pytest.mark.parametrize("kind", LOSSES)
def test_the_default_reduction_is_pytorchs(kind: type[nn.Loss]) -> None:
    out, target = a_batch()
    assert kind().forward(out, target) == pytest.approx(
        TWINS[kind](torch.from_numpy(out), torch.from_numpy(target)).item(), rel=1e-9
    )


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_value_is_a_float_and_the_gradient_of_the_outputs_type(kind: type[nn.Loss], dtype: type) -> None:
    out, _ = a_batch(dtype)
    loss = kind()
    assert type(loss.forward(out, np.array([0, 1, 2, 0]))) is float
    assert loss.backward().dtype == dtype
    assert not np.shares_memory(loss.backward(), loss.backward())


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_labels_stand_for_one_hot_rows(kind: type[nn.Loss], dtype: type) -> None:
    out, _ = a_batch()
    labels = np.array([2, 0, 1, 1], dtype)
    assert kind().forward(out, labels) == kind().forward(out, np.eye(3)[labels])


@pytest.mark.parametrize("kind", [nn.MeanSquaredError, nn.BinaryCrossEntropy])
@pytest.mark.parametrize("target", [[0, 1, 1], [0.0, 1.0, 1.0], [[0], [1], [1]], [False, True, True]])
def test_targets_of_a_single_output_are_numbers_in_a_row_or_a_column(kind: type[nn.Loss], target: list) -> None:
    out = np.array([[0.1], [0.9], [0.5]])
    assert kind().forward(out, np.array(target)) == kind().forward(out, np.array([[0.0], [1.0], [1.0]]))


def test_softmax_of_a_single_class_costs_nothing() -> None:
    assert nn.SoftmaxCrossEntropy().forward(np.array([[3.0], [-2.0]]), np.array([0, 0])) == 0


def test_two_classes_of_a_single_output_are_told_what_they_want() -> None:
    with pytest.raises(nn.InputError, match="given 1 at 1; a single output wants BinaryCrossEntropy"):
        nn.SoftmaxCrossEntropy().forward(np.array([[3.0], [-2.0]]), np.array([0, 1]))


def test_large_logits_do_not_overflow() -> None:
    loss = nn.SoftmaxCrossEntropy()
    assert loss.forward(np.array([[1e30, 0], [0, -1e30]], np.float32), np.array([0, 0])) == 0
    assert loss.forward(np.array([[1e4, 0]], np.float32), np.array([1])) == 1e4
    assert loss.backward().tolist() == [[1, -1]]


def test_certain_but_wrong_costs_100_as_in_pytorch() -> None:
    out, target = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])
    loss = nn.BinaryCrossEntropy()
    assert loss.forward(out, target) == 100
    logits = torch.from_numpy(out).requires_grad_()
    torch.nn.functional.binary_cross_entropy(logits, torch.from_numpy(target)).backward()
    np.testing.assert_allclose(loss.backward(), logits.grad)


BAD_TARGETS = [
    (nn.SoftmaxCrossEntropy, [0, 1, 3, 9], r"SoftmaxCrossEntropy: expected labels from 0 to 2, given 3 at 2"),
    (nn.MeanSquaredError, [0, -1, 3, 0], r"MeanSquaredError: expected labels from 0 to 2, given -1 at 1"),
    (nn.SoftmaxCrossEntropy, [0, 1], r"expected 4 labels, one for each sample, given 2"),
    (nn.SoftmaxCrossEntropy, [0.0, 1.0, 2.0, 0.0], r"expected integer labels of shape \(4,\) or .* float64 of shape"),
    (nn.MeanSquaredError, np.zeros((4, 2)), r"targets of shape \(4, 3\), given float64 of shape \(4, 2\)"),
    (nn.MeanSquaredError, np.zeros((4, 1)), r"given float64 of shape \(4, 1\)"),
    (nn.MeanSquaredError, np.full((4, 3), np.nan), r"MeanSquaredError, targets: expected finite .* nan at \(0, 0\)"),
    (nn.SoftmaxCrossEntropy, np.full((4, 3), 0.5), r"every row adding up to 1, given row 0 with the sum 1.5"),
    (nn.SoftmaxCrossEntropy, np.tile([2.0, -1, 0], (4, 1)), r"from 0 on, .* the smallest entry -1.0"),
    (nn.BinaryCrossEntropy, np.full((4, 3), 2.0), r"expected targets from 0 to 1, given 2.0 at \(0, 0\)"),
    (nn.MeanSquaredError, np.full((4, 3), "a"), r"given <U1 of shape \(4, 3\)"),
]


@pytest.mark.parametrize(("kind", "target", "message"), BAD_TARGETS)
def test_targets_that_do_not_fit_are_refused(kind: type[nn.Loss], target: list, message: str) -> None:
    out, _ = a_batch()
    with pytest.raises(nn.InputError, match=message):
        kind().forward(out, np.array(target))


BAD_OUTPUTS = [
    (np.full((4, 3), np.nan), r"BinaryCrossEntropy, outputs: expected finite numbers, given nan at \(0, 0\)"),
    (np.full((4, 3), 1.5), r"expected outputs from 0 to 1, given 1.5 at \(0, 0\) \(a Sigmoid layer"),
    (np.zeros((0, 3)), r"expected at least one sample, given outputs of shape \(0, 3\)"),
    (np.zeros(4), r"expected float outputs of shape \(N, K\), given float64 of shape \(4,\)"),
    (np.zeros((4, 3), int), r"expected float outputs of shape \(N, K\), given int64 of shape \(4, 3\)"),
    ([[0.1, 0.2, 0.3]], r"expected float outputs of shape \(N, K\), given list"),
]


@pytest.mark.parametrize(("out", "message"), BAD_OUTPUTS)
def test_outputs_that_do_not_fit_are_refused(out: np.ndarray, message: str) -> None:
    with pytest.raises(nn.InputError, match=message):
        nn.BinaryCrossEntropy().forward(out, np.zeros((4, 3)))


def test_an_unknown_reduction_is_refused() -> None:
    with pytest.raises(nn.InputError, match=r"MeanSquaredError: expected a reduction among .*'half_sum'.* given 'avg'"):
        nn.MeanSquaredError("avg")


def test_backward_before_forward_is_refused() -> None:
    loss = nn.MeanSquaredError()
    with pytest.raises(RuntimeError, match=r"MeanSquaredError: backward\(\) needs a forward\(\)"):
        loss.backward()
    loss.forward(np.zeros((1, 2)), np.array([1]))
    with pytest.raises(nn.InputError):
        loss.forward(np.zeros((1, 2)), np.array([7]))
    with pytest.raises(RuntimeError):  # not the gradient of a batch before
        loss.backward()
