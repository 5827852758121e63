"""Lookahead by hand, and what a run ends with; the running mean of weights that Lightning brings."""

from __future__ import annotations

import csv
import signal

import pytest
import torch
from small_runs import equal, weights, with_callback
from torch import nn

from groundup.callbacks.interrupt import StopOnSignal
from groundup.callbacks.lookahead import float_state, kept, look_ahead
from groundup.errors import Interrupted
from groundup.learning.checkpoint import load_checkpoint
from groundup.run.evaluate import evaluate
from groundup.run.parts import assemble
from groundup.run.quiet import quiet
from groundup.run.run import run

SMALL = ("model=cnn", "model.width=4", "trainer.max_epochs=2", "trainer.accelerator=cpu", "data.batch_size=128")


def test_slow_weights_follow_and_the_network_is_put_back_to_them():
    slow, fast = [torch.tensor([0.0, 4.0])], [torch.tensor([8.0, 4.0])]
    look_ahead(slow, fast, keep=0.75)
    assert slow[0].tolist() == fast[0].tolist() == [2.0, 4.0]
    fast[0].copy_(torch.tensor([10.0, 0.0]))
    look_ahead(slow, fast, keep=1.0)  # at the end
    assert slow[0].tolist() == fast[0].tolist() == [2.0, 4.0]


def test_the_share_that_slow_weights_keep_grows_with_the_cube_of_training():
    assert kept(50, 100, every=5, decay=0.95) == pytest.approx(0.95**5 / 8)
    assert kept(100, 100, every=5, decay=0.95) == pytest.approx(0.7737809)


def test_the_state_that_is_averaged_is_of_parameters_and_of_norms_but_no_count():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    state = float_state(net)
    assert {*state} == {"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"}
    state["1.running_mean"].fill_(7.0)
    assert net[1].running_mean.tolist() == [7.0] * 3  # its very memory


def test_training_ends_with_the_slow_weights_before_they_are_validated_and_saved(make_config, tmp_path, caplog):
    config = make_config("callbacks=lookahead", "callbacks.lookahead.every=1000", "trainer.max_epochs=1", small=SMALL)
    results = run(config, tmp_path / "run")
    assert "lookahead.every=1000: this training had only 11 steps, so it ends with the weights" in caplog.text
    (tmp_path / "fresh").mkdir()
    with quiet():
        fresh = assemble(config, tmp_path / "fresh", StopOnSignal())
        [validated] = fresh.trainer.validate(fresh.learner, fresh.data, verbose=False)
    assert results["val/loss"] == validated["val/loss"]  # no step of 1,000: the slow weights are the first ones
    assert_same_floats(weights(tmp_path / "run"), fresh.learner.state_dict())
    run(make_config("trainer.max_epochs=1", small=SMALL), tmp_path / "control")
    with pytest.raises(AssertionError):
        assert_same_floats(weights(tmp_path / "control"), fresh.learner.state_dict())


def assert_same_floats(first, second):
    floats = [name for name, tensor in first.items() if tensor.is_floating_point()]
    assert all(torch.equal(first[name], second[name]) for name in floats)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_run_does_every_few_steps_what_is_worked_out_by_hand(make_config, tmp_path, accumulate):
    """One run stopped after step 7 and one after step 8; what Lookahead did in between is done by hand on the first."""
    options = ("callbacks=lookahead", f"+trainer.accumulate_grad_batches={accumulate}", "scheduler=constant")
    config = make_config(*options, "callbacks.lookahead.every=4", "trainer.max_epochs=3", small=SMALL)
    total = 33 if accumulate == 1 else 18
    ends = {}
    for step in (7, 8):
        with pytest.raises(Interrupted):
            run(with_callback(config, "SignalAt", step=step - 1), tmp_path / str(step))
        ends[step] = load_checkpoint(tmp_path / str(step) / "checkpoints" / "last.ckpt")
        assert ends[step]["global_step"] == step
    slow = {step: ends[step]["callbacks"]["Lookahead"]["slow"] for step in ends}
    assert equal(slow[8], {name: ends[8]["state_dict"][name] for name in slow[8]})
    # the network's own weights after step 8, from the run that was stopped before, without Lookahead
    alone = config | {"callbacks": config["callbacks"] | {"lookahead": None}}
    last = tmp_path / "7" / "checkpoints" / "last.ckpt"
    with pytest.raises(Interrupted):
        run(with_callback(alone, "SignalAt", step=7), tmp_path / "7", resume=last)
    fast = load_checkpoint(last)["state_dict"]
    keep = 0.95**4 * (8 / total) ** 3
    assert keep > 0.005
    for name in slow[8]:
        torch.testing.assert_close(slow[8][name], keep * slow[7][name] + (1 - keep) * fast[name])
    assert not torch.allclose(slow[8]["net.head.weight"], fast["net.head.weight"], atol=1e-5)  # the control


@pytest.mark.parametrize("callbacks", ["lookahead", "ema"])
@pytest.mark.parametrize("step", [6, 13, 14], ids=lambda step: f"step{step}")
def test_a_run_that_was_stopped_goes_on_to_the_same_weights_bit_for_bit(
    make_config, whole_run, tmp_path, callbacks, step
):
    options = (f"callbacks={callbacks}", "optimizer=muon", "scheduler=triangle", "optimizer.stem_epochs=1")
    config = make_config(*options, small=SMALL)
    whole = whole_run(config)
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=step, signum=int(signal.SIGTERM)), tmp_path / "parts")
    run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    for name in ("last", "best"):
        assert equal(weights(whole, name), weights(tmp_path / "parts", name))
    control = whole_run(make_config(*options, "callbacks=default", small=SMALL))
    assert not equal(weights(whole), weights(control))


def test_the_running_mean_is_what_is_validated_kept_and_tested(make_config, tmp_path):
    config = make_config("callbacks=ema", "callbacks.ema.decay=1.0", small=SMALL)  # keeps what the first step came to
    results = run(config, tmp_path / "run")
    with pytest.raises(Interrupted):
        run(with_callback(make_config(small=SMALL), "SignalAt", step=0), tmp_path / "first")
    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert_same_floats(checkpoint["state_dict"], weights(tmp_path / "first"))
    assert not torch.equal(*(checkpoint[key]["net.head.weight"] for key in ("state_dict", "current_model_state")))
    assert results["test/loss"] == evaluate(tmp_path / "run")["test/loss"]
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open()))
    assert rows[0]["val/loss"] == rows[1]["val/loss"]
    assert rows[0]["train/loss"] != rows[1]["train/loss"]  # the control
