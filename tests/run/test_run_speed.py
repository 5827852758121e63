"""Runs with the parts that the speed records are made of."""

from __future__ import annotations

import signal

import pytest
import torch
from small_runs import equal, weights, with_callback

from groundup.callbacks.interrupt import StopOnSignal
from groundup.errors import Interrupted, UserError
from groundup.models.speednet import whitening_filters
from groundup.run.evaluate import evaluate
from groundup.run.parts import assemble
from groundup.run.run import run

SPEED = ("model=speednet", "model.widths=[8,8]", "optimizer.lr=0.5", "trainer.max_epochs=2", "trainer.accelerator=cpu")
SIZES = "data.progressive_sizes=[[0,6],[0.5,8]]"


def test_the_first_layer_whitens_the_training_images_and_is_not_trained(make_config, tmp_path):
    config = make_config("data.augment=[shift]", small=SPEED)
    run(config, tmp_path)
    (tmp_path / "other").mkdir()
    parts = assemble(config, tmp_path / "other", StopOnSignal())
    parts.data.setup("fit")
    images = parts.data.some_images(5000, torch.device("cpu"))
    assert len(images) == parts.data.train_size
    torch.testing.assert_close(weights(tmp_path)["net.whiten.weight"], whitening_filters(images, 2))
    assert weights(tmp_path)["net.whiten.bias"].any()


def test_images_grow_during_training_and_are_whole_in_evaluation(make_config, tmp_path, monkeypatch):
    seen: list[tuple[bool, int]] = []
    from groundup.models.speednet import SpeedNet

    forward = SpeedNet.forward
    monkeypatch.setattr(SpeedNet, "forward", lambda net, x: seen.append((net.training, x.shape[2])) or forward(net, x))
    run(make_config(SIZES, "trainer.max_epochs=4", small=SPEED), tmp_path)
    training = [pixels for learns, pixels in seen if learns]
    assert training == [6] * (len(training) // 2) + [8] * (len(training) // 2)
    assert {pixels for learns, pixels in seen if not learns} == {8}


def test_a_run_of_growing_images_goes_on_to_the_same_weights_bit_for_bit(make_config, tmp_path):
    config = make_config(SIZES, "data.augment=[shift]", small=SPEED)
    run(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=14, signum=int(signal.SIGTERM)), tmp_path / "parts")
    run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_accuracy_over_views_stands_beside_the_plain_one(make_config, tmp_path):
    plain = run(make_config(small=SPEED), tmp_path / "plain")
    with_views = run(make_config("data.tta=shift", small=SPEED), tmp_path / "views")
    assert "test/acc_tta" not in plain
    assert with_views["test/acc"] == plain["test/acc"]
    assert with_views["test/acc_tta"] != plain["test/acc"]
    again = evaluate(tmp_path / "plain", data={"tta": "shift"})
    assert again["test/acc_tta"] == with_views["test/acc_tta"]
    assert "test/acc_tta" not in evaluate(tmp_path / "views", data={"tta": "none"})


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["model=mlp", "data.progressive_sizes=[[0,8]]"], "mlp takes images of one size alone"),
        (["model=speednet", "data.progressive_sizes=[[0,8]]"], "at least 9x9"),
    ],
)
def test_sizes_that_a_network_cannot_take_are_refused(make_config, overrides, said):
    with pytest.raises(UserError, match=said):
        make_config(*overrides, small=())
