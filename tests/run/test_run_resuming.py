"""A run that was stopped, anywhere, and went on: the same weights, rows and figures as one that never was."""

from __future__ import annotations

import csv
import json
import signal
import time

import pytest
import torch
from PIL import Image
from small_runs import equal, hparams, weights, with_callback

from groundup.errors import Interrupted, RunFailed, UserError
from groundup.learning.checkpoint import load_checkpoint
from groundup.learning.training_progress import KEYS
from groundup.run.evaluate import evaluate
from groundup.run.predict import predict
from groundup.run.run import run

OVERRIDES = ("model.dropout=0.2", "trainer.max_epochs=3", "trainer.log_every_n_steps=7")


@pytest.mark.parametrize("step", [0, 5, 20, 21, 30, 41, 62], ids=lambda step: f"step{step}")
def test_an_interrupted_run_goes_on_to_the_same_weights_bit_for_bit(make_config, whole_run, tmp_path, step):
    config = make_config(*OVERRIDES, "data.augment=[shift]", "data.shift=1", "optimizer=adam")
    whole = whole_run(config)
    with pytest.raises(Interrupted) as stopped:
        run(with_callback(config, "SignalAt", step=step, signum=int(signal.SIGTERM)), tmp_path / "parts")
    assert stopped.value.signum == signal.SIGTERM
    assert json.loads((tmp_path / "parts" / "results.json").read_text())["status"] == "interrupted"
    last = tmp_path / "parts" / "checkpoints" / "last.ckpt"
    assert load_checkpoint(last)["global_step"] == step + 1
    results = run(config, tmp_path / "parts", resume=last)
    assert results["status"] == "finished"
    assert equal(weights(whole), weights(tmp_path / "parts"))
    assert equal(weights(whole, "best"), weights(tmp_path / "parts", "best"))
    assert_same_rows(whole, tmp_path / "parts")


def test_double_precision_goes_on_to_the_same_weights_and_is_evaluated_with_them(make_config, tmp_path):
    config = make_config(*OVERRIDES, "optimizer=adam", "trainer.precision=64-true")
    whole = run(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=30, signum=int(signal.SIGTERM)), tmp_path / "parts")
    run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    assert next(iter(weights(tmp_path / "parts").values())).dtype == torch.float64
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert evaluate(tmp_path / "whole")["test/loss"] == whole["test/loss"]
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    assert len(list(predict(tmp_path / "whole", tmp_path / "black.png"))) == 1


def test_a_convolutional_net_with_batch_norm_goes_on_to_the_same_weights(make_config, tmp_path):
    config = make_config(
        "model=cnn", "model.width=8", "model.dropout=0.1", small=("trainer.max_epochs=2", "trainer.accelerator=cpu")
    )
    run(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=27), tmp_path / "parts")
    run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def assert_same_rows(first, second):
    pairs = zip(*(csv.DictReader((run_dir / "metrics.csv").open()) for run_dir in (first, second)), strict=True)
    for one, other in pairs:
        for name in one.keys() - {"seconds"}:
            assert one[name] == other[name], name


def test_a_crashed_run_goes_on_from_its_last_epoch_to_the_same_weights(make_config, tmp_path):
    config = make_config(*OVERRIDES)
    run(config, tmp_path / "whole")
    with pytest.raises(RunFailed):
        run(with_callback(config, "Break", step=50), tmp_path / "parts")
    run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert_same_rows(tmp_path / "whole", tmp_path / "parts")


def test_a_run_that_its_launcher_ends_was_interrupted_and_goes_on(make_config, tmp_path):
    config = make_config(*OVERRIDES)
    with pytest.raises(SystemExit):
        run(with_callback(config, "ExitAt", step=50), tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert (results["status"], results["error"]) == ("interrupted", "stopped by its launcher")
    assert run(config, tmp_path, resume=tmp_path / "checkpoints" / "last.ckpt")["epochs"] == 3


@pytest.mark.parametrize("limit", [{"check_val_every_n_epoch": 2}, {"max_steps": 30}], ids=str)
def test_an_epoch_without_validation_is_never_the_best_of_a_resumed_run(make_config, tmp_path, limit):
    config = make_config("trainer.max_epochs=3")
    config["trainer"] |= limit
    whole = run(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=25), tmp_path / "parts")
    parts = run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    assert equal(weights(tmp_path / "whole", "best"), weights(tmp_path / "parts", "best"))
    assert (whole["best_epoch"], whole["val/acc"], whole["test/acc"]) == (
        (parts["best_epoch"], parts["val/acc"], parts["test/acc"])
    )


@pytest.mark.parametrize(
    "overrides",
    [
        ("optimizer=adam",),
        ("trainer.max_epochs=1",),
        ("trainer.max_epochs=2",),  # stopped in the third
        ("+trainer.max_steps=49",),
        ("data.batch_size=32",),
    ],
    ids=str,
)
def test_a_resume_that_cannot_work_leaves_the_run_as_it_was(make_config, tmp_path, overrides):
    """The optimizer is compared by the command, before; the others need the checkpoint."""
    with pytest.raises(Interrupted):
        run(with_callback(make_config("trainer.max_epochs=3"), "SignalAt", step=50), tmp_path)
    before = {file: (tmp_path / file).read_bytes() for file in ("config.yaml", "results.json", "metrics.csv")}
    if overrides == ("optimizer=adam",):
        from groundup.run.resume import find_resume

        with pytest.raises(UserError, match=r"optimizer\.name=sgd"):
            find_resume(make_config(*overrides) | {"resume": str(tmp_path)}, tmp_path)
    else:
        with pytest.raises(UserError, match=overrides[0].split("=")[0].lstrip("+")):
            run(
                make_config("trainer.max_epochs=3", *overrides), tmp_path, resume=tmp_path / "checkpoints" / "last.ckpt"
            )
    assert {file: (tmp_path / file).read_bytes() for file in before} == before


def test_a_run_that_went_on_has_one_row_in_hparams_of_how_it_ended(make_config, tmp_path):
    config = make_config("trainer.max_epochs=3")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=30), tmp_path)
    assert hparams(tmp_path)[0]["status"].string_value == "interrupted"
    results = run(config, tmp_path, resume=tmp_path / "checkpoints" / "last.ckpt")
    params, metrics = hparams(tmp_path)
    assert params["status"].string_value == "finished"
    assert metrics["val/acc_best"] == pytest.approx(results["val/acc"])
    assert len(list(tmp_path.glob("events.out.tfevents.*.hparams"))) == 1


def test_a_resumed_run_hides_the_steps_it_takes_again(make_config, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = make_config(*OVERRIDES)
    with pytest.raises(RunFailed):
        run(with_callback(config, "Break", step=38), tmp_path)
    time.sleep(1)  # event files are told apart by the second; those of one are read 10 before 9
    run(config, tmp_path, resume=tmp_path / "checkpoints" / "last.ckpt")
    steps = [event.step for event in EventAccumulator(str(tmp_path)).Reload().Scalars("lr")]
    assert steps == sorted(set(steps))


def test_a_checkpoint_of_another_version_is_refused_by_name(make_config, tmp_path):
    with pytest.raises(Interrupted):
        run(with_callback(make_config("trainer.max_epochs=3"), "SignalAt", step=50), tmp_path)
    last = tmp_path / "checkpoints" / "last.ckpt"
    checkpoint = load_checkpoint(last)
    assert checkpoint["progress"].keys() == KEYS | {"validation"}  # which version 0.1 did not have
    del checkpoint["progress"]["sums"]
    torch.save(checkpoint, last)
    with pytest.raises(UserError, match=r"another version .*\(no sums\)"):
        run(make_config("trainer.max_epochs=3"), tmp_path, resume=last)
