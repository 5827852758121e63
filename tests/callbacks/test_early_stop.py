"""A run that early stopping has ended is over, however often it is resumed."""

from __future__ import annotations

import json
import logging

import pytest
from small_runs import equal, weights, with_callback

from groundup.errors import Interrupted
from groundup.run.run import run

SLOWER = {"train_seconds", "samples_per_second"}


@pytest.fixture
def config(make_config):
    """A run that stops after the second epoch without a better loss, of the 20 that it might have."""
    words = ("optimizer.lr=1", "scheduler=constant", "trainer.max_epochs=20", "data.limit_train=200")
    return make_config("callbacks=early_stopping", "callbacks.early_stopping.patience=2", *words)


def resumed(config, run_dir):
    return run(config, run_dir, resume=run_dir / "checkpoints" / "last.ckpt")


def test_it_comes_to_the_same_figures_rows_and_weights_each_time(config, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    first = run(config, tmp_path)
    rows, last = (tmp_path / "metrics.csv").read_text(), weights(tmp_path)
    assert 2 < first["epochs"] < 20
    for _ in range(2):
        caplog.clear()
        again = resumed(config, tmp_path)
        assert {key: again[key] for key in again.keys() - SLOWER} == {key: first[key] for key in first.keys() - SLOWER}
        assert (tmp_path / "metrics.csv").read_text() == rows
        assert equal(weights(tmp_path), last)
        assert "early stopping has ended this run" in caplog.text
    assert json.loads((tmp_path / "results.json").read_text())["status"] == "finished"


def test_with_more_patience_it_goes_on_as_if_it_had_been_so_from_the_start(config, tmp_path):
    first = run(config, tmp_path / "parts")
    config["callbacks"]["early_stopping"]["patience"] = 4
    more = resumed(config, tmp_path / "parts")
    assert more["epochs"] >= first["epochs"] + 1
    whole = run(config, tmp_path / "whole")
    assert (more["epochs"], more["test/loss"]) == (whole["epochs"], whole["test/loss"])
    assert equal(weights(tmp_path / "parts"), weights(tmp_path / "whole"))


def test_a_run_that_was_interrupted_before_stops_where_it_would_have_stopped(config, tmp_path):
    whole = run(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=7), tmp_path / "parts")
    assert resumed(config, tmp_path / "parts")["epochs"] == whole["epochs"]
    assert equal(weights(tmp_path / "parts"), weights(tmp_path / "whole"))


@pytest.mark.parametrize("threshold", [{"stopping_threshold": 1000.0}, {"divergence_threshold": 0.01}], ids=str)
def test_a_stop_at_a_threshold_holds_too(config, tmp_path, threshold):
    config["callbacks"]["early_stopping"] |= threshold
    first = run(config, tmp_path)
    assert first["epochs"] == 1
    again = resumed(config, tmp_path)
    assert (again["epochs"], again["steps"], again["test/loss"]) == (1, first["steps"], first["test/loss"])
