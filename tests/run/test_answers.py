"""What a run keeps of its answers is what its figures were made of, whoever gave them."""

from __future__ import annotations

import json
import logging
import math

import numpy as np
import pytest
import torch
from small_runs import with_callback
from torchmetrics.classification import MulticlassCalibrationError

import groundup.run.answers
from groundup.data.published.digits import read as read_digits
from groundup.errors import Interrupted
from groundup.learning.answers import Answers, log_probabilities
from groundup.learning.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from groundup.run.answers import figures
from groundup.run.run import run
from groundup.rundir.predictions import read_predictions
from groundup.statistics.calibration import COLDEST, HOTTEST

SCALED = {"temperature", "test/nll_scaled", "test/brier_scaled", "test/ece_scaled"}


def accuracy(predictions):
    return float(predictions.right.mean())


def results_of(run_dir):
    return json.loads((run_dir / "results.json").read_text())


def test_a_run_keeps_what_its_figures_are_of(whole_run, make_config):
    run_dir = whole_run(make_config())
    results, test, val = results_of(run_dir), read_predictions(run_dir, "test"), read_predictions(run_dir, "val")
    assert (accuracy(test), accuracy(val)) == (results["test/acc"], results["val/acc"])
    assert (test.data, test.classes) == ("digits", tuple("0123456789"))
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (test.true, test.predicted), 1)
    assert counts.tolist() == results["test/confusion"]
    assert (test.true == read_digits(None, "test")[1]).all(), "in the order of the split"
    assert test.probabilities.sum(1) == pytest.approx(1, abs=2e-3)


def test_figures_of_probabilities_are_those_of_torch_and_torchmetrics(whole_run, make_config):
    run_dir = whole_run(make_config())
    results, test, val = results_of(run_dir), read_predictions(run_dir, "test"), read_predictions(run_dir, "val")
    assert results["test/nll"] == pytest.approx(results["test/loss"], rel=1e-6)  # the cross-entropy is one
    probabilities, true = torch.tensor(test.probabilities), torch.tensor(test.true)
    error = MulticlassCalibrationError(10, n_bins=15, norm="l1")(probabilities, true)
    assert results["test/ece"] == pytest.approx(float(error), abs=2e-3)  # the file has half the digits
    one_hot = torch.eye(10)[true]
    assert results["test/brier"] == pytest.approx(float((probabilities - one_hot).square().sum(1).mean()), rel=1e-2)
    recalls = [value for value in results["test/per_class"].values() if value is not None]
    assert results["test/balanced_acc"] == pytest.approx(np.mean(recalls))
    logits = torch.tensor(val.probabilities).double().clamp(min=1e-8).log()
    losses = {
        t: torch.nn.functional.cross_entropy(logits / t, torch.tensor(val.true)) for t in np.linspace(0.2, 4, 400)
    }
    assert results["temperature"] == pytest.approx(min(losses, key=losses.get), abs=0.05)
    assert results.keys() >= SCALED


@pytest.mark.parametrize("words", [(), ("model=noprop_dt",)], ids=["mlp", "noprop_dt"])
def test_one_more_pass_gives_what_the_last_validation_gave(make_config, tmp_path, monkeypatch, words):
    config = make_config(*words, "trainer.max_epochs=1", small=("trainer.accelerator=cpu", "data.limit_train=300"))
    run(config, tmp_path / "kept")
    passes = []
    asked = groundup.run.answers._ask
    monkeypatch.setattr("groundup.run.answers._ask", lambda *given: passes.append(given) or asked(*given))
    monkeypatch.setattr("groundup.run.answers.was_validated", lambda parts: False)
    run(config, tmp_path / "asked")
    assert len(passes) == 1
    for name in ("test_predictions.npz", "val_predictions.npz"):
        assert (tmp_path / "kept" / name).read_bytes() == (tmp_path / "asked" / name).read_bytes()
    own = {"train_seconds", "samples_per_second"}
    kept, again = ({k: v for k, v in results_of(tmp_path / d).items() if k not in own} for d in ("kept", "asked"))
    assert kept == again


def test_predictions_are_by_the_weights_that_are_tested_not_by_the_last(make_config, tmp_path):
    config = make_config("trainer.max_epochs=4")
    config["callbacks"]["checkpoints"]["mode"] = "min"  # which the check of a config refuses
    results = run(config, tmp_path)
    assert results["best_epoch"] == 0
    assert accuracy(read_predictions(tmp_path, "val")) == results["val/acc"]
    assert accuracy(read_predictions(tmp_path, "test")) == results["test/acc"]


@pytest.mark.parametrize("loss", ["bce", "squared_error", "mse"])
def test_under_every_loss_probabilities_add_up_and_have_figures(make_config, tmp_path, loss):
    results = run(make_config(f"loss={loss}", "trainer.max_epochs=1"), tmp_path)
    test = read_predictions(tmp_path, "test")
    assert test.probabilities.sum(1) == pytest.approx(1, abs=3e-3)
    likelihood = np.maximum(test.likelihood.astype(float), 1e-7)
    assert results["test/nll"] == pytest.approx(-np.log(likelihood).mean(), rel=0.02)
    assert 0 < results["test/ece"] < 1
    assert accuracy(test) == results["test/acc"]
    assert results["test/nll_scaled"] > 0


def test_without_validation_there_is_no_temperature(make_config, tmp_path):
    results = run(make_config("data.val_fraction=0", "trainer.max_epochs=1"), tmp_path)
    assert read_predictions(tmp_path, "val") is None
    assert read_predictions(tmp_path, "test") is not None
    assert results["test/nll"] > 0
    assert not SCALED & results.keys()


def test_a_run_that_goes_on_keeps_the_predictions_of_its_end_alone(make_config, tmp_path):
    run(make_config(), tmp_path)
    before = (tmp_path / "test_predictions.npz").read_bytes()
    longer = with_callback(make_config("trainer.max_epochs=4"), "SignalAt", step=50)
    with pytest.raises(Interrupted):
        run(longer, tmp_path, resume=tmp_path / "checkpoints" / "last.ckpt")
    assert read_predictions(tmp_path, "test") is None, "nothing was tested"
    results = run(make_config("trainer.max_epochs=4"), tmp_path, resume=tmp_path / "checkpoints" / "last.ckpt")
    assert (tmp_path / "test_predictions.npz").read_bytes() != before
    assert accuracy(read_predictions(tmp_path, "test")) == results["test/acc"]
    again = run(make_config("trainer.max_epochs=4"), tmp_path, resume=tmp_path / "checkpoints" / "last.ckpt")
    assert again["temperature"] == pytest.approx(results["temperature"]), "asked anew: nothing was left to train"


# What a loss may make of outputs


def test_digits_are_not_lost_where_the_softmax_is_meant():
    logits = torch.tensor([[60.0, 0.0], [0.0, 60.0]])
    found = log_probabilities(logits, CrossEntropy().probabilities)
    assert found[0].tolist() == pytest.approx([-math.exp(-60), -60], rel=1e-12)


def test_numbers_of_each_class_by_itself_are_divided_by_their_sum():
    logits = torch.tensor([[0.0, 0.0, -200.0], [-200.0, -200.0, -200.0]])
    found = np.exp(log_probabilities(logits, BinaryCrossEntropy().probabilities))
    assert found[0].tolist() == pytest.approx([0.5, 0.5, 0])
    assert found[1].tolist() == pytest.approx([1 / 3] * 3)
    assert np.exp(log_probabilities(torch.tensor([[0.9, -1.0]]), SquaredError().probabilities))[0, 0] > 0.99


def test_what_is_no_number_stays_none_and_what_is_infinite_is_certain():
    logits = torch.tensor([[math.nan, 0.0], [math.inf, 0.0], [-math.inf, 0.0]])
    for loss in (CrossEntropy(), BinaryCrossEntropy(), SquaredError()):
        found = np.exp(log_probabilities(logits, loss.probabilities))
        assert np.isnan(found[0]).all()
        assert not np.isnan(found[1:]).any()
        assert found[1, 0] > found[1, 1]


@pytest.mark.parametrize(
    "gives", [lambda logits: -logits.exp(), lambda logits: logits[:, :1].exp(), lambda logits: 1 / 0]
)
def test_a_loss_that_gives_no_probabilities_leaves_classes_alone(gives, caplog):
    answers = Answers()
    answers.update(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1]))
    found = answers.read(gives)
    assert found.logs is None
    assert found.figures == {"balanced_acc": 0.5}
    assert "no probabilities can be had" in caplog.text or "are none" in caplog.text


def test_a_temperature_that_validation_does_not_bound_is_at_the_end_of_its_range_and_that_is_said(caplog):
    caplog.set_level(logging.INFO)
    certain = Answers()
    certain.update(torch.eye(3), torch.arange(3))
    validated = certain.read(CrossEntropy().probabilities)
    found = figures(validated, validated)
    assert found["temperature"] == COLDEST
    assert found["test/nll_scaled"] < found["test/nll"]
    assert "temperature 0.01: the end of the range" in caplog.text
    caplog.clear()
    mixed = Answers()
    mixed.update(torch.eye(3), torch.tensor([0, 1, 0]))
    assert COLDEST < figures(mixed.read(CrossEntropy().probabilities), validated)["temperature"] < HOTTEST
    assert "the end of the range" not in caplog.text
    assert "temperature" not in figures(None, validated)
    assert figures(validated, None) == {}


def test_of_answers_without_numbers_nothing_is_said():
    answers = Answers()
    answers.update(torch.tensor([[math.nan, 0.0], [1.0, 0.0]]), torch.tensor([0, 0]))
    found = answers.read(CrossEntropy().probabilities)
    assert all(math.isnan(value) for value in found.figures.values())
    assert found.temperature is None


def test_answers_beyond_what_the_device_shall_hold_are_kept_too(monkeypatch):
    monkeypatch.setattr("groundup.learning.answers.ON_DEVICE", 10)
    answers = Answers()
    for true in range(3):
        answers.update(torch.eye(3)[true : true + 1], torch.tensor([true]))
    assert answers.read(CrossEntropy().probabilities).right.all()
