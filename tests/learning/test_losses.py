"""Losses against hand calculation and PyTorch."""

from __future__ import annotations

from math import log

import pytest
import torch
from torch import nn

from groundup.errors import UserError
from groundup.learning.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError, SquaredError, check_labels

# One sample, two classes: softmax (3/4, 1/4), sigmoids (3/4, 1/2)
LOGITS, TARGET = torch.tensor([[log(3), 0.0]]), torch.tensor([0])

BY_HAND = {
    "cross_entropy": (CrossEntropy(), -log(3 / 4)),
    # e = 0.2 of the target over both classes: (0.9, 0.1)
    "smoothed": (CrossEntropy(label_smoothing=0.2), -0.9 * log(3 / 4) - 0.1 * log(1 / 4)),
    "mse": (MeanSquaredError(), ((3 / 4 - 1) ** 2 + (1 / 4) ** 2) / 2),
    "bce": (BinaryCrossEntropy(), (-log(3 / 4) - log(1 - 1 / 2)) / 2),
    # of the outputs log 3 and 0 themselves
    "squared_error": (SquaredError("mean"), (log(3) - 1) ** 2 / 2),
    "summed over classes": (SquaredError("batchmean"), (log(3) - 1) ** 2),
    "half of that": (SquaredError("half"), (log(3) - 1) ** 2 / 2),
}
each_loss = pytest.mark.parametrize(("loss", "expected"), BY_HAND.values(), ids=BY_HAND)


@each_loss
def test_one_sample_by_hand(loss, expected):
    assert loss(LOGITS, TARGET).item() == pytest.approx(expected, rel=1e-6)
    assert loss(LOGITS, 1 - TARGET).item() != pytest.approx(expected, rel=0.1)  # the control: the other class


@each_loss
def test_a_batch_is_the_mean_of_its_samples(loss, expected):
    torch.manual_seed(0)
    logits, target = torch.randn(6, 5), torch.tensor([0, 1, 2, 3, 4, 4])
    alone = [loss(logits[i : i + 1], target[i : i + 1]) for i in range(6)]
    whole = loss(logits, target)
    assert whole.shape == ()
    torch.testing.assert_close(whole, torch.stack(alone).mean())


@pytest.mark.parametrize(
    ("loss", "reference"),
    [
        (CrossEntropy(label_smoothing=0.1), lambda z, y: -(0.9 * y + 0.1 / 5).mul(z.log_softmax(1)).sum(1).mean()),
        (MeanSquaredError(), lambda z, y: nn.MSELoss()(z.softmax(1), y)),
        (BinaryCrossEntropy(), lambda z, y: nn.BCELoss()(z.sigmoid(), y)),
        (SquaredError("mean"), lambda z, y: nn.MSELoss()(z, y)),
        (SquaredError("batchmean"), lambda z, y: nn.MSELoss(reduction="sum")(z, y) / 6),
        (SquaredError("half"), lambda z, y: nn.MSELoss(reduction="sum")(z, y) / 12),
    ],
    ids=["cross_entropy", "mse", "bce", "squared_error", "batchmean", "half"],
)
def test_value_and_gradient_are_those_of_the_definition(loss, reference):
    torch.manual_seed(0)
    logits = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([0, 1, 2, 3, 4, 4])
    value, expected = loss(logits, target), reference(logits, torch.eye(5, dtype=torch.float64)[target])
    torch.testing.assert_close(value, expected)
    gradient, expected_gradient = (torch.autograd.grad(v, logits)[0] for v in (value, expected))
    torch.testing.assert_close(gradient, expected_gradient)
    assert not torch.allclose(gradient, 1.01 * expected_gradient, rtol=1e-5)


@each_loss
def test_extreme_logits_stay_finite(loss, expected):
    logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    loss(logits, torch.tensor([0, 0])).backward()
    assert logits.grad.isfinite().all()


@each_loss
def test_half_precision_logits_are_accepted(loss, expected):
    expected = loss(LOGITS.bfloat16().float(), TARGET).item()
    assert loss(LOGITS.bfloat16(), TARGET).item() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (CrossEntropy(), [3 / 4, 1 / 4]),
        (MeanSquaredError(), [3 / 4, 1 / 4]),
        (BinaryCrossEntropy(), [3 / 4, 1 / 2]),  # each class by itself
        (SquaredError(), [1.0, 0.0]),
    ],
    ids=["cross_entropy", "mse", "bce", "squared_error"],
)
def test_a_loss_knows_what_probability_its_outputs_mean(loss, expected):
    torch.testing.assert_close(loss.probabilities(LOGITS), torch.tensor([expected]))


def test_outputs_trained_to_be_probabilities_are_made_to_add_up_to_one():
    outputs = torch.tensor([[0.9, 0.3, -0.2], [-1.0, -2.0, -3.0]])
    expected = torch.tensor([[0.75, 0.25, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    torch.testing.assert_close(SquaredError().probabilities(outputs), expected)


def test_an_unknown_reduction_is_refused():
    with pytest.raises(UserError, match=r"loss\.reduction=sum: accepted: mean, batchmean, half"):
        SquaredError("sum")


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32, torch.bool, torch.float32])
def test_labels_of_another_type_than_int64_are_refused(dtype):
    with pytest.raises(UserError, match=rf"labels .* given {str(dtype)[6:]} of shape \(3,\); accepted: .* of int64"):
        check_labels(torch.zeros(3, dtype=dtype))


def test_labels_in_a_column_or_one_hot_are_refused():
    for shape in ((3, 1), (3, 10), ()):
        with pytest.raises(UserError, match=r"labels .* given int64 of shape"):
            check_labels(torch.zeros(shape, dtype=torch.int64))
    check_labels(torch.zeros(3, dtype=torch.int64))
