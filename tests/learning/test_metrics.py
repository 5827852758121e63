"""What an evaluation comes to, against scikit-learn and by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score, top_k_accuracy_score
from torch.nn.functional import cross_entropy, one_hot

from groundup.learning.metrics import ConfusionCounts, EvaluationMeter, macro_f1, recalls

CPU = torch.device("cpu")


def alone(tensor):
    """The sum over the processes of a run that has one."""
    return tensor


def evaluated(logits, target, batch=20):
    meter = EvaluationMeter(logits.shape[1], CPU)
    for own, true in zip(logits.split(batch), target.split(batch), strict=True):
        meter.update(cross_entropy(own, true), own, true)
    return meter.read(alone)


def random_scores():
    torch.manual_seed(0)
    return torch.randn(50, 7), torch.randint(7, (50,))


def test_counts_are_those_of_sklearn():
    logits, target = random_scores()
    counts = ConfusionCounts(7, CPU)
    for part in (slice(0, 20), slice(20, 50)):
        counts.update(target[part], logits[part])
    expected = confusion_matrix(target, logits.argmax(dim=1), labels=range(7))
    found = counts.read(alone)
    assert (found == expected).all()
    assert (found != expected.T).any()  # the control: rows are true classes


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32])
def test_classes_are_counted_right_whatever_the_type_of_their_numbers(dtype):
    logits, target = torch.randn(500, 100, generator=torch.Generator().manual_seed(0)), torch.arange(500) % 100
    counts = ConfusionCounts(100, CPU)
    counts.update(target.to(dtype), logits)
    assert (counts.read(alone) == confusion_matrix(target, logits.argmax(dim=1))).all()


def test_metrics_are_those_of_sklearn():
    logits, target = random_scores()
    guess = logits.argmax(dim=1)
    found = evaluated(logits, target)
    assert found.metrics["acc"] == accuracy_score(target, guess)
    assert found.metrics["top5"] == top_k_accuracy_score(target, logits, k=5, labels=range(7))
    assert found.metrics["f1"] == pytest.approx(f1_score(target, guess, average="macro"), rel=1e-12)
    assert recalls(found.confusion) == recall_score(target, guess, average=None).tolist()
    assert found.metrics["loss"] == pytest.approx(float(cross_entropy(logits, target)), rel=1e-6)


def test_f1_is_over_the_classes_that_occur_as_sklearn_has_it():
    target, guess = torch.tensor([0, 0, 2, 2]), torch.tensor([0, 1, 2, 2])  # 1 is predicted only, 3 not even that
    found = evaluated(one_hot(guess, 4).float(), target)
    assert found.metrics["f1"] == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert found.metrics["f1"] == pytest.approx(f1_score(target, guess, average="macro"))


def test_a_class_without_images_has_no_accuracy():
    confusion = np.array([[3, 1, 0], [0, 0, 0], [2, 0, 0]])
    first, second, third = recalls(confusion)
    assert (first, third) == (0.75, 0.0)  # the control: with images and none of them right it is zero
    assert math.isnan(second)
    assert math.isnan(macro_f1(np.zeros((3, 3), dtype=int)))


def test_shares_are_exact_to_the_last_digit():
    target = torch.zeros(1000, dtype=torch.int64)
    guess = torch.ones(1000, dtype=torch.int64)
    guess[:11] = 0
    found = evaluated(one_hot(guess, 10).float(), target, batch=64)
    assert json.dumps(found.metrics["acc"]) == "0.011"
    assert json.dumps(recalls(found.confusion)[0]) == "0.011"
    assert float(torch.tensor(11) / 1000) != 0.011  # the control: what a tensor of single precision says


def test_the_sum_of_many_losses_loses_no_digits():
    losses, single = torch.full((20_000,), 0.1), torch.zeros(())
    meter = EvaluationMeter(2, CPU)
    for loss in losses:
        meter.update(loss, torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
        single += loss
    assert meter.read(alone).loss == pytest.approx(float(losses[0]), rel=1e-12)
    assert float(single) / 20_000 != pytest.approx(float(losses[0]), rel=1e-6)  # the control: in single precision


@pytest.mark.parametrize("wrong", [-1, 3])
def test_a_class_number_that_is_none_is_no_other_class(wrong):
    with pytest.raises((RuntimeError, IndexError)):
        ConfusionCounts(3, CPU).update(torch.tensor([wrong]), torch.zeros(1, 3))


def test_images_whose_logits_are_no_numbers_are_of_no_class():
    """argmax takes NaN for the largest number, and would give class 0."""
    logits, target = random_scores()
    logits[3, 5] = torch.nan
    found = evaluated(logits, torch.zeros_like(target))
    assert found.broken == 1
    assert all(math.isnan(found.metrics[name]) for name in ("acc", "f1", "top5", "loss"))
    assert all(math.isnan(share) for share in found.per_class)
    logits[3, 5] = torch.inf  # of which one can say the largest
    assert evaluated(logits, target).broken == 0
