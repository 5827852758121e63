"""Callbacks of somebody else's: what they draw and log goes on after a stop, and changes no figure of ours."""

from __future__ import annotations

import csv
import random

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from small_runs import equal, weights, with_callback

from groundup.errors import Interrupted, RunFailed
from groundup.run.run import run


class LogsAsOurs(Callback):
    def on_validation_epoch_end(self, trainer, pl_module):
        pl_module.log("val/acc", 1.0)

    def on_test_epoch_end(self, trainer, pl_module):
        pl_module.log("test/acc", 1.0)


class LogsBatches(Callback):
    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        pl_module.log("batch", float(batch_idx), on_step=False, on_epoch=True, batch_size=1)


class Draws(Callback):
    """What is drawn after a step must not change what is drawn in the next: a stop may come between them."""

    def on_train_batch_start(self, trainer, pl_module, *_):
        self.on_train_batch_end(trainer, pl_module)

    def on_train_batch_end(self, trainer, pl_module, *_):
        with torch.no_grad():
            for parameter in pl_module.parameters():
                parameter += 1e-3 * (random.random() + np.random.random() + torch.rand(()))


class SetsRate(Callback):
    def on_train_epoch_start(self, trainer, pl_module):
        trainer.optimizers[0].param_groups[0]["lr"] = 0.5


class FreezesAtFirst(Callback):
    def on_train_epoch_start(self, trainer, pl_module):
        first = next(pl_module.parameters())
        first.requires_grad_(trainer.current_epoch > 0)


@pytest.fixture
def small(make_config):
    return make_config("trainer.max_epochs=2", "logger=none")


def own(config, *names):
    nodes = {name.lower(): {"_target_": f"{__name__}.{name}"} for name in names}
    return config | {"callbacks": {**config["callbacks"], **nodes}}


def rows(run_dir):
    with (run_dir / "metrics.csv").open() as file:
        return [row | {"seconds": ""} for row in csv.DictReader(file)]


def test_what_is_logged_by_the_name_of_a_figure_of_ours_changes_no_figure(small, tmp_path, caplog):
    plain = run(small, tmp_path / "plain")
    results = run(own(small, "LogsAsOurs"), tmp_path / "own")
    assert [results[key] for key in ("val/acc", "test/acc")] == [plain[key] for key in ("val/acc", "test/acc")]
    assert rows(tmp_path / "own") == rows(tmp_path / "plain")
    assert "test/acc: a callback logs it under the name of a figure of the run; it is left out" in caplog.text


@pytest.mark.parametrize("step", [5, 27])
def test_what_is_drawn_and_logged_of_batches_goes_on_as_if_it_had_not_been_stopped(small, tmp_path, step):
    config = own(small, "Draws", "LogsBatches")
    run(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=step), tmp_path / "parts")
    run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")
    assert float(rows(tmp_path / "whole")[0]["batch"]) == pytest.approx(10)  # the mean of 0 to 20


def test_a_rate_that_a_callback_sets_is_told_to_have_no_effect(small, tmp_path, caplog):
    run(small, tmp_path / "plain")
    assert "learning rate" not in caplog.text
    run(own(small, "SetsRate"), tmp_path / "own")
    assert caplog.text.count("has put learning rate 0.5 into the optimizer: it has no effect") == 1
    assert equal(weights(tmp_path / "plain"), weights(tmp_path / "own"))


def test_a_weight_that_learns_later_than_others_needs_an_optimizer_that_is_not_fused(small, tmp_path):
    config = own(small, "FreezesAtFirst")
    with pytest.raises(RunFailed, match=r"got its first gradient later than the others, .*: set optimizer.fused=false"):
        run(config | {"optimizer": small["optimizer"] | {"fused": True}}, tmp_path / "fused")
    results = run(config | {"optimizer": small["optimizer"] | {"fused": False}}, tmp_path / "plain")
    assert results["status"] == "finished"
