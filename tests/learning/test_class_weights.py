"""Weights of classes against scikit-learn and PyTorch, and what they do in a run."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from small_runs import weights
from torch import nn

from groundup.errors import UserError
from groundup.learning.class_weights import balanced, weigh
from groundup.learning.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError, SquaredError
from groundup.run.run import run

TARGET = torch.tensor([0] * 12 + [1] * 3 + [2])
COUNTS = TARGET.bincount(minlength=4)
LOSSES = {
    "cross_entropy": lambda w: CrossEntropy(0.1, class_weights=w),
    "mse": lambda w: MeanSquaredError(w),
    "squared_error": lambda w: SquaredError("half", w),
    "bce": lambda w: BinaryCrossEntropy(w),
}


def logits() -> torch.Tensor:
    return torch.randn(len(TARGET), 4, generator=torch.Generator().manual_seed(0))


def test_balanced_weights_are_scikit_learns_and_a_class_without_images_has_none():
    expected = compute_class_weight("balanced", classes=np.arange(3), y=TARGET.numpy())
    assert balanced(COUNTS).tolist() == pytest.approx([*expected, 0])
    assert (balanced(COUNTS) * COUNTS).sum() == pytest.approx(len(TARGET))  # the mean weight of an image is 1


def test_over_all_images_the_loss_is_pytorchs():
    for given in ([1, 2, 30, 4], "balanced"):
        loss = CrossEntropy(class_weights=given)
        weigh(loss, COUNTS)
        raw = balanced(COUNTS) if given == "balanced" else torch.tensor(given)
        expected = nn.CrossEntropyLoss(weight=raw.float())(logits(), TARGET)
        assert loss(logits(), TARGET).item() == pytest.approx(expected.item(), rel=1e-6)
        assert loss(logits(), TARGET).item() != pytest.approx(CrossEntropy()(logits(), TARGET).item(), rel=0.01)


@pytest.mark.parametrize("make", LOSSES.values(), ids=LOSSES)
def test_weights_count_in_training_alone_and_batches_add_up(make):
    plain, loss = make(None), make("balanced")
    assert loss(logits(), TARGET) == plain(logits(), TARGET)  # until it is told the images of each class
    weigh(loss, COUNTS)
    by_hand = sum(
        balanced(COUNTS)[y].item() * plain(x[None], y[None]).item() for x, y in zip(logits(), TARGET, strict=True)
    )
    assert loss(logits(), TARGET).item() == pytest.approx(by_hand / len(TARGET), rel=1e-5)
    halves = [loss(logits()[rows], TARGET[rows]).item() for rows in (slice(0, 8), slice(8, 16))]
    assert sum(halves) / 2 == pytest.approx(by_hand / len(TARGET), rel=1e-5)  # shares of processes, accumulation
    theirs = nn.CrossEntropyLoss(weight=balanced(COUNTS).float())
    apart = [theirs(logits()[rows], TARGET[rows]).item() for rows in (slice(0, 8), slice(8, 16))]
    assert sum(apart) / 2 != pytest.approx(theirs(logits(), TARGET).item(), rel=0.01)  # PyTorch's do not
    assert loss.eval()(logits(), TARGET) == plain(logits(), TARGET)
    assert not loss.state_dict()


def test_weights_that_fit_no_classes_are_refused():
    with pytest.raises(UserError, match="2 numbers for 4 classes"):
        weigh(CrossEntropy(class_weights=[1, 2]), COUNTS)
    with pytest.raises(UserError, match="no class that has training images has a weight"):
        weigh(CrossEntropy(class_weights=[0, 0, 0, 1]), COUNTS)


def test_a_run_learns_the_classes_that_have_weights_and_is_evaluated_without(make_config, tmp_path):
    config = make_config("trainer.max_epochs=6", "loss.class_weights=[1,0,0,0,0,0,0,0,0,3]", "data.limit_test=100")
    results = run(config, tmp_path)
    assert 0.15 < results["test/acc"] < 0.25  # two of ten classes
    assert results["train/loss"] < 1.5 < 2 < results["val/loss"]
    even = run(make_config(f"loss.class_weights=[{','.join(['7'] * 10)}]"), tmp_path / "even")
    plain = run(make_config(), tmp_path / "plain")
    assert even["train/loss"] == pytest.approx(plain["train/loss"], rel=1e-5)
    assert weights(tmp_path / "even").keys() == weights(tmp_path / "plain").keys()
