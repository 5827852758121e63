"""The learning-rate range test: its curve, its rule on curves by hand, and whole runs."""

from __future__ import annotations

import csv
import json

import pytest
from PIL import Image
from small_runs import SMALL, with_callback
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from groundup.callbacks.lr_range import LRRange
from groundup.config.check import check
from groundup.errors import Interrupted, UserError
from groundup.learning.range_test import RangeTest, Rising, smooth, suggest
from groundup.run.run import run
from groundup.rundir.state import read_state

TESTED = (*SMALL[:2], *SMALL[3:], "debug=lr_range")


def test_a_rate_rises_by_the_same_factor_at_every_step():
    rising = Rising(1e-4, 10.0)
    factors = [rising(step, 6, 2) for step in range(6)]
    assert factors == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1, 10])


def test_the_smoothed_loss_is_the_mean_of_the_steps_around():
    assert smooth([float(step**2) for step in range(12)])[5:7] == pytest.approx([385 / 11, 506 / 11])
    assert smooth([3.0, 1.0, 2.0]) == pytest.approx([2.0, 2.0, 2.0])


def test_the_suggestion_is_the_middle_of_the_rates_that_learn():
    rates = [10 ** (step / 20 - 4) for step in range(100)]
    losses = [2.0] * 40 + [2.0 - step / 8 for step in range(1, 9)] + [1.0] * 32 + [3.0] * 20
    # nine tenths of the way from 2 to 1 are done at step 47, and at step 80 all is lost again
    assert suggest(rates, losses) == pytest.approx((rates[47] * rates[80]) ** 0.5)
    assert suggest(rates[:80], losses[:80]) == pytest.approx((rates[47] * rates[79]) ** 0.5)  # to the end of the test
    assert suggest(rates, [loss * 7 for loss in losses]) == pytest.approx(suggest(rates, losses))


def test_it_stops_where_the_loss_is_far_above_its_smallest_or_no_number():
    test = RangeTest()
    for step in range(60):
        test.add(10 ** (step / 20 - 3), 2.0 if step < 40 else 30.0)
        if test.has_diverged:
            break
    assert 40 < step < 50
    test = RangeTest()
    test.add(0.1, float("nan"))
    assert test.has_diverged


def test_a_loss_that_never_falls_suggests_nothing():
    assert suggest([0.1] * 30, [1.0 + step for step in range(30)]) is None
    assert suggest([0.1] * 5, [1.0 - step for step in range(5)]) is None  # too few steps to say


@pytest.mark.parametrize("model", [(), ("model=numpy_mlp", "optimizer=numpy_adam"), ("model=feedback_alignment",)])
def test_a_run_leaves_a_curve_and_is_no_training(make_config, tmp_path, model):
    words = [word for word in (*TESTED, "trainer.max_steps=60", *model) if model == () or "hidden_dims" not in word]
    results = run(make_config(*words, small=()), tmp_path)
    rows = list(csv.DictReader((tmp_path / "lr_range.csv").open()))
    rates = [float(row["lr"]) for row in rows]
    assert rates[0] == pytest.approx(1e-6)
    assert rates == sorted(rates)
    assert len(rows) == results["steps"] <= 60
    assert (results["kind"], results["status"], results["test/acc"]) == ("lr_range", "finished", None)
    assert json.loads((tmp_path / "results.json").read_text())["suggested_lr"] == results["suggested_lr"]
    assert results["suggested_lr"] is None or rates[0] < results["suggested_lr"] <= rates[-1]
    assert read_state(tmp_path).status == "range test"
    assert read_state(tmp_path).is_done
    with Image.open(tmp_path / "lr_range.png") as picture:
        assert picture.width > 400
    assert "lr_range" in EventAccumulator(str(tmp_path), size_guidance={"images": 0}).Reload().Tags()["images"]
    assert not (tmp_path / "checkpoints").exists()


def test_a_loss_that_is_no_number_ends_the_test_and_not_the_run(make_config, tmp_path):
    config = make_config(*TESTED, "callbacks.lr_range.end=1e30", "trainer.max_steps=60", small=())
    results = run(config, tmp_path)
    assert results["status"] == "finished"
    assert results["steps"] < 60


def test_losses_of_accumulated_batches_are_those_of_their_steps(make_config, tmp_path):
    words = (*TESTED, "trainer.max_steps=50", "data.batch_size=32")
    run(make_config(*words, small=()), tmp_path / "whole")
    run(make_config(*words, "+trainer.accumulate_grad_batches=2", small=()), tmp_path / "halves")
    whole, halves = (list(csv.DictReader((tmp_path / name / "lr_range.csv").open())) for name in ("whole", "halves"))
    assert float(halves[0]["loss"]) == pytest.approx(float(whole[0]["loss"]), rel=0.1)
    assert len(halves) <= 50
    assert len({row["lr"] for row in halves}) == len(halves)


def test_a_range_test_that_is_stopped_keeps_nothing_to_go_on_from(make_config, tmp_path, caplog):
    config = make_config(*TESTED, "trainer.max_steps=60", small=())
    with caplog.at_level("INFO"), pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=4), tmp_path)
    assert "interrupted; a range test begins anew" in caplog.messages
    assert not (tmp_path / "checkpoints" / "last.ckpt").exists()
    assert json.loads((tmp_path / "results.json").read_text())["kind"] == "lr_range"


def test_epochs_of_the_training_do_not_end_it_and_a_few_steps_are_none(compose_config):
    assert check(compose_config("debug=lr_range", "trainer.max_epochs=1"))["trainer"]["max_epochs"] == 1000
    with pytest.raises(UserError, match=r"trainer.max_steps=3 with debug=lr_range: accepted: 50 or more"):
        check(compose_config("debug=lr_range", "trainer.max_steps=3"))


def test_what_is_no_range_test_is_refused(compose_config):
    with pytest.raises(UserError, match="debug=lr_range with resume=auto: it begins anew"):
        check(compose_config("debug=lr_range", "resume=auto"))
    with pytest.raises(UserError, match=r"callbacks\.lr_range\.start=0: accepted: above 0"):
        LRRange(start=0)
