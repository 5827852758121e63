"""Scores of probabilities are those of other libraries; the temperature is the best there is."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.metrics import balanced_accuracy_score, log_loss
from torchmetrics.classification import MulticlassCalibrationError

from groundup.statistics import calibration
from groundup.statistics.calibration import (
    COLDEST,
    HOTTEST,
    balanced_accuracy,
    best_temperature,
    brier_score,
    expected_calibration_error,
    negative_log_likelihood,
    reliability,
    risk_against_coverage,
    scaled,
)


def answers(images=2000, classes=10, sharpness=3.0, seed=0):
    """Log-probabilities that are too sure, and the classes that less sure ones gave."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(images, classes)) * 2
    noise = random.gumbel(size=logits.shape)
    return log_softmax(logits * sharpness, axis=1), (logits + noise).argmax(1)


def sure(logs, true):
    return np.exp(logs.max(1)), logs.argmax(1) == true


def test_by_hand():
    logs = np.log([[0.8, 0.2], [0.4, 0.6]])
    true = np.array([0, 0])
    assert negative_log_likelihood(logs, true) == pytest.approx(-(math.log(0.8) + math.log(0.4)) / 2)
    assert brier_score(logs, true) == pytest.approx((2 * 0.2**2 + 2 * 0.6**2) / 2)
    assert expected_calibration_error(np.array([0.8, 0.6]), np.array([True, False])) == pytest.approx((0.2 + 0.6) / 2)
    assert balanced_accuracy(np.array([0, 0, 0, 2]), np.array([True, True, False, False])) == pytest.approx(1 / 3)


@pytest.mark.parametrize(("classes", "sharpness"), [(2, 1.0), (10, 1.0), (10, 3.0), (100, 0.5)])
def test_scores_are_those_of_torchmetrics_and_of_sklearn(classes, sharpness):
    logs, true = answers(classes=classes, sharpness=sharpness)
    confidence, right = sure(logs, true)
    theirs = MulticlassCalibrationError(classes, n_bins=15, norm="l1")(torch.tensor(np.exp(logs)), torch.tensor(true))
    assert expected_calibration_error(confidence, right) == pytest.approx(float(theirs), abs=1e-6)
    if sharpness == 1:  # else all bins err to one side, and their number makes no difference
        assert abs(expected_calibration_error(confidence, right, bins=10) - float(theirs)) > 1e-6
    assert negative_log_likelihood(logs, true) == pytest.approx(
        log_loss(true, np.exp(logs), labels=range(classes)), rel=1e-9
    )
    assert brier_score(logs, true) == pytest.approx(np.square(np.exp(logs) - np.eye(classes)[true]).sum(1).mean())
    assert balanced_accuracy(true, right) == pytest.approx(balanced_accuracy_score(true, logs.argmax(1)))


def test_answers_that_are_certain_have_a_bin_of_their_own_as_in_torchmetrics():
    probabilities = np.array([[1.0, 0.0], [1.0, 0.0], [0.98, 0.02], [0.99, 0.01]])
    true = np.array([1, 0, 0, 0])
    confidence, right = probabilities.max(1), probabilities.argmax(1) == true
    theirs = MulticlassCalibrationError(2, n_bins=15, norm="l1")(torch.tensor(probabilities), torch.tensor(true))
    assert expected_calibration_error(confidence, right) == pytest.approx(float(theirs), abs=1e-7)


@pytest.mark.parametrize("sharpness", [0.2, 1.0, 3.0, 30.0])
def test_the_temperature_is_that_of_scipy_and_mends_what_was_too_sure(sharpness):
    logs, true = answers(sharpness=sharpness)
    found = best_temperature(logs, true)

    def loss(log_temperature):
        return negative_log_likelihood(log_softmax(logs / math.exp(log_temperature), axis=1), true)

    least = minimize_scalar(loss, bounds=(math.log(COLDEST), math.log(HOTTEST)), method="bounded").x
    assert found == pytest.approx(math.exp(least), rel=1e-3)
    assert loss(math.log(found)) <= min(loss(least), loss(0)) + 1e-12
    assert found == pytest.approx(sharpness, rel=0.1)
    np.testing.assert_allclose(scaled(logs, found), log_softmax(logs / found, axis=1), atol=1e-12)


def test_data_that_bound_no_temperature_give_the_bound():
    logs, _ = answers()
    assert best_temperature(logs, logs.argmax(1)) == COLDEST  # perfectly separated
    assert best_temperature(logs[:1], logs[:1].argmax(1)) == COLDEST
    assert best_temperature(logs, logs.argmin(1)) == HOTTEST


def test_answers_without_numbers_have_no_scores():
    logs, true = answers(50)
    logs[3] = np.nan
    confidence, right = np.exp(logs.max(1)), logs.argmax(1) == true
    assert math.isnan(negative_log_likelihood(logs, true))
    assert math.isnan(brier_score(logs, true))
    assert math.isnan(expected_calibration_error(confidence, right))
    assert best_temperature(logs, true) is None
    assert reliability(confidence, right).images.sum() == 49
    assert risk_against_coverage(confidence, right)[0][-1] == 1


def test_a_true_class_of_no_probability_is_infinitely_unlikely():
    with np.errstate(divide="ignore"):
        logs = np.log([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    assert negative_log_likelihood(logs, np.array([0, 1])) == math.inf
    assert best_temperature(logs, np.array([0, 1])) is None
    assert best_temperature(logs, np.array([0, 0])) is not None
    assert brier_score(logs, np.array([0, 0])) == pytest.approx(0.25)


def test_no_images_have_no_scores():
    logs, true = np.zeros((0, 3)), np.zeros(0, int)
    assert math.isnan(negative_log_likelihood(logs, true))
    assert math.isnan(expected_calibration_error(np.zeros(0), np.zeros(0, bool)))
    assert math.isnan(balanced_accuracy(true, true))
    assert best_temperature(logs, true) is None


def test_bins_hold_every_image_once_and_the_error_is_made_of_them():
    logs, true = answers()
    confidence, right = sure(logs, true)
    bins = reliability(confidence, right)
    assert bins.images.sum() == len(true)
    assert (bins.images * bins.accuracy).sum() == pytest.approx(right.sum())
    error = (bins.images * abs(bins.accuracy - bins.confidence)).sum() / len(true)
    assert error == pytest.approx(expected_calibration_error(confidence, right))


def test_risk_rises_with_coverage_as_counted_by_hand():
    confidence = np.array([0.9, 0.5, 0.7, 0.7])
    right = np.array([True, False, False, True])
    coverage, risk = risk_against_coverage(confidence, right)
    assert coverage.tolist() == [0.25, 0.75, 1.0]
    assert risk.tolist() == [0.0, pytest.approx(1 / 3), 0.5]
    _, worst = risk_against_coverage(-confidence, right)
    assert worst[0] == 1


def test_of_many_images_no_more_than_some_are_worked_on_at_once(monkeypatch):
    """Figures stay what they are, to rounding; the control is how much memory all at once take."""
    logs, true = answers(4000, 50)

    def figures():
        tracemalloc.start()
        temperature = best_temperature(logs, true)
        found = brier_score(logs, true), temperature, negative_log_likelihood(scaled(logs, temperature), true)
        peak = tracemalloc.get_traced_memory()[1] / logs.nbytes
        tracemalloc.stop()
        return found, peak

    at_once, much = figures()
    monkeypatch.setattr(calibration, "_AT_ONCE", 10_000)
    in_parts, little = figures()
    assert in_parts == pytest.approx(at_once, rel=1e-12)
    assert little < 1.5  # those that are scaled, and parts
    assert much > 2.5
