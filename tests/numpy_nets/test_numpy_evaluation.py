"""Evaluation: loss, accuracy and confusion matrix."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, recall_score

from groundup import numpy_nets as nn


def as_it_is() -> nn.Sequential:
    """A network whose outputs are its inputs."""
    return nn.Sequential([nn.Identity()])


def a_set(samples: int = 23, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(samples, classes)), rng.integers(0, classes, samples)


def test_two_of_three_by_hand() -> None:
    x = np.array([[2.0, 1, 0], [0, 3, 1], [4, 0, 1]])  # says 0, 1, 0
    found = as_it_is().evaluate(x, [0, 1, 1], nn.MeanSquaredError("sum"))
    assert found.accuracy == 2 / 3
    assert found.confusion_matrix.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    np.testing.assert_array_equal(found.per_class, [1, 0.5, np.nan])
    assert found.loss == (1 + 1 + 0) + (0 + 4 + 1) + (16 + 1 + 1)


def test_equal_to_scikit_learn_and_pytorch() -> None:
    x, y = a_set()
    found = as_it_is().evaluate(x, y, nn.SoftmaxCrossEntropy(), batch_size=5)
    predicted = x.argmax(axis=1)
    np.testing.assert_array_equal(found.confusion_matrix, confusion_matrix(y, predicted))
    np.testing.assert_allclose(found.per_class, recall_score(y, predicted, average=None))
    expected = torch.nn.functional.cross_entropy(torch.from_numpy(x), torch.from_numpy(y)).item()
    assert found.loss == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "batchmean", "sum", "half_sum"])
@pytest.mark.parametrize("batch_size", [1, 5, 22, 23, 1000])
def test_the_loss_is_that_of_all_samples_at_once(reduction: str, batch_size: int) -> None:
    x, y = a_set()
    loss = nn.SoftmaxCrossEntropy(reduction)
    assert as_it_is().evaluate(x, y, loss, batch_size).loss == pytest.approx(loss.forward(x, y), rel=1e-12)


def test_one_hot_rows_are_classes_too() -> None:
    x, y = a_set()
    by_label, by_row = (as_it_is().evaluate(x, t, nn.MeanSquaredError()) for t in (y, np.eye(4)[y]))
    assert by_label.accuracy == by_row.accuracy
    np.testing.assert_array_equal(by_label.confusion_matrix, by_row.confusion_matrix)


@pytest.mark.parametrize("y", [[0, 1, 1], [0.0, 1.0, 1.0], [[0], [1], [1]]])
def test_a_single_output_tells_two_classes_apart(y: list) -> None:
    found = as_it_is().evaluate(np.array([[0.2], [0.9], [0.4]]), y, nn.BinaryCrossEntropy())
    assert found.confusion_matrix.tolist() == [[1, 0], [1, 1]]
    assert found.accuracy == 2 / 3


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0] * 22 + [7], "evaluate: expected labels from 0 to 3, given 7 at 22"),  # its place in the set, not the batch
        ([0] * 22, r"evaluate: expected 23 targets, one for each sample, given shape \(22,\)"),
    ],
)
def test_targets_that_do_not_fit_are_refused(y: list, message: str) -> None:
    with pytest.raises(nn.InputError, match=message):
        as_it_is().evaluate(a_set()[0], y, nn.SoftmaxCrossEntropy(), batch_size=5)
