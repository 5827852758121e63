"""The weights that are chosen: what `results.json` says of them is true of `best.ckpt`, whenever validation ran."""

from __future__ import annotations

import csv
import signal

import pytest
import torch
import yaml
from lightning.pytorch import Callback
from small_runs import equal, weights, with_callback

from groundup.config.build import build
from groundup.data.specs import make_spec
from groundup.errors import Interrupted
from groundup.learning.checkpoint import load_checkpoint
from groundup.run.learners import build_learner
from groundup.run.run import run

STEPS = 21  # an epoch: 1294 training images in batches of 64


def trainer(config, **options):
    return config | {"trainer": config["trainer"] | options}


def validated(run_dir, images=None, name="best"):
    """Accuracy and loss of a checkpoint on the validation split, by a bare loop over its (first) images."""
    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    spec = make_spec(config["data"])
    data = build(config["data"], spec=spec, seed=config["seed"])
    data.prepare_data()
    data.setup("fit")
    learner = build_learner(config, spec)
    learner.load_state_dict(load_checkpoint(run_dir / "checkpoints" / f"{name}.ckpt")["state_dict"])
    learner.eval()
    x, y = (torch.cat(parts)[:images] for parts in zip(*data.val_dataloader(), strict=True))
    with torch.no_grad():
        logits = learner.net(x)
    return (logits.argmax(1) == y).float().mean().item(), torch.nn.functional.cross_entropy(logits, y).item()


def rows(run_dir):
    return list(csv.DictReader((run_dir / "metrics.csv").open()))


@pytest.mark.parametrize(
    ("options", "callbacks"),
    [
        ({"val_check_interval": 0.25}, "default"),
        ({"val_check_interval": 4}, "ema"),
        ({"val_check_interval": 5, "accumulate_grad_batches": 2}, "default"),
        ({"val_check_interval": 17, "check_val_every_n_epoch": None}, "default"),
        ({"check_val_every_n_epoch": 2}, "default"),
        ({"check_val_every_n_epoch": 5}, "default"),
        ({"max_steps": 30}, "default"),
        ({"max_steps": 30}, "ema"),
        ({"max_steps": 5, "max_epochs": -1}, "default"),
        ({"num_sanity_val_steps": 2, "check_val_every_n_epoch": 3}, "default"),
        ({"val_check_interval": "00:00:00:00"}, "default"),
    ],
    ids=str,
)
def test_the_validation_figures_are_those_of_the_saved_weights(make_config, tmp_path, options, callbacks):
    # with a rate that is too large the best is not the last
    config = make_config("trainer.max_epochs=3", "optimizer.lr=1", f"callbacks={callbacks}", "logger=none")
    results = run(trainer(config, **options), tmp_path)
    accuracy, loss = validated(tmp_path)
    assert results["val/acc"] == pytest.approx(accuracy, abs=1e-6)
    assert results["val/loss"] == pytest.approx(loss, rel=1e-5)


def test_with_limit_val_batches_the_figures_are_of_those_batches(make_config, tmp_path):
    config = make_config("data.eval_batch_size=50")
    results = run(trainer(config, limit_val_batches=2), tmp_path)
    accuracy, loss = validated(tmp_path, images=100)
    assert (results["val/acc"], results["val/loss"]) == (pytest.approx(accuracy), pytest.approx(loss, rel=1e-5))
    assert results["val/acc"] != pytest.approx(validated(tmp_path)[0])  # negative control


class Spoil(Callback):
    """Puts all weights to zero after a step, as a rate that is too large would."""

    def __init__(self, step: int):
        self.step = step

    def on_train_batch_end(self, trainer, learner, *_):
        if trainer.global_step == self.step:
            for parameter in learner.parameters():
                parameter.data.zero_()


def spoiled(config, step):
    return config | {"callbacks": config["callbacks"] | {"spoil": {"_target_": f"{__name__}.Spoil", "step": step}}}


@pytest.mark.parametrize("max_epochs", [1, 2])
def test_a_validation_within_an_epoch_can_win(make_config, tmp_path, max_epochs):
    config = trainer(make_config(f"trainer.max_epochs={max_epochs}"), val_check_interval=5)
    results = run(spoiled(config, step=STEPS * max_epochs - 2), tmp_path)
    best = load_checkpoint(tmp_path / "checkpoints" / "best.ckpt")
    assert best["global_step"] == (max_epochs - 1) * STEPS + 15
    assert results["best_epoch"] == max_epochs - 1
    assert results["val/acc"] == pytest.approx(validated(tmp_path)[0], abs=1e-6)
    assert results["val/acc"] > 0.3
    assert float(rows(tmp_path)[-1]["val/acc"]) < 0.2  # the row has the last validation of the epoch


def test_only_epochs_that_were_validated_are_compared(make_config, tmp_path):
    config = trainer(make_config("trainer.max_epochs=4"), check_val_every_n_epoch=2)
    results = run(spoiled(config, step=3 * STEPS), tmp_path)
    assert [bool(row["val/acc"]) for row in rows(tmp_path)] == [False, True, False, True]
    assert results["best_epoch"] == 1
    assert results["val/acc"] == pytest.approx(validated(tmp_path)[0], abs=1e-6)


class StopAt(Callback):
    """Ends training after a step, as `max_time` does."""

    def __init__(self, step: int):
        self.step = step

    def on_train_batch_end(self, trainer, *_):
        trainer.should_stop = trainer.global_step == self.step


@pytest.mark.parametrize("way", ["max_steps", "max_time", "max_time and check_val_every_n_epoch"])
def test_training_that_ends_within_an_epoch_is_validated_there(make_config, tmp_path, way):
    config = make_config("trainer.max_epochs=3")
    if way == "max_steps":
        config = trainer(config, max_steps=30)
    else:
        config["callbacks"]["stop"] = {"_target_": f"{__name__}.StopAt", "step": 30}
        config = trainer(config, check_val_every_n_epoch=5 if "check" in way else 1)
    results = run(config, tmp_path)
    assert (results["epochs"], results["steps"]) == (2, 30)
    assert load_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["global_step"] == 30
    assert float(rows(tmp_path)[-1]["val/acc"]) == pytest.approx(validated(tmp_path, name="last")[0], abs=1e-6)
    assert results["val/acc"] == pytest.approx(validated(tmp_path)[0], abs=1e-6)


def test_the_sanity_check_is_no_validation_of_an_epoch(make_config, tmp_path):
    config = trainer(make_config("data.eval_batch_size=16"), num_sanity_val_steps=1, check_val_every_n_epoch=2)
    run(config, tmp_path)
    assert [bool(row.get("val/acc")) for row in rows(tmp_path)] == [False, True]


# Stopped and gone on with


@pytest.mark.parametrize(
    "options",
    [
        {"val_check_interval": 5},
        {"val_check_interval": 5, "accumulate_grad_batches": 2},
        {"check_val_every_n_epoch": None, "val_check_interval": 17},
    ],
    ids=str,
)
@pytest.mark.parametrize("step", [4, 7, 20])
def test_a_run_stopped_beside_a_validation_goes_on_to_the_same_bits(make_config, tmp_path, options, step):
    config = trainer(make_config("logger=none", "model.dropout=0.2", "optimizer.lr=1"), **options)
    whole = run(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=step, signum=int(signal.SIGTERM)), tmp_path / "parts")
    parts = run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    for name in ("best", "last"):
        assert equal(weights(tmp_path / "whole", name), weights(tmp_path / "parts", name))
    for name in ("val/acc", "val/loss", "test/acc", "test/loss", "best_epoch", "epochs", "steps"):
        assert whole[name] == parts[name], name
    for one, other in zip(rows(tmp_path / "whole"), rows(tmp_path / "parts"), strict=True):
        for name in one.keys() - {"seconds"}:
            assert one[name] == other[name] or float(one[name]) == pytest.approx(float(other[name]), rel=1e-9), name


def test_a_run_that_ended_by_its_steps_goes_on_in_the_epoch_it_was_in(make_config, tmp_path):
    config = make_config("logger=none", "scheduler=constant", "trainer.max_epochs=3")
    whole = run(trainer(config, max_steps=50), tmp_path / "whole")
    for steps in (30, 50):
        resume = tmp_path / "parts" / "checkpoints" / "last.ckpt" if steps == 50 else None
        parts = run(trainer(config, max_steps=steps), tmp_path / "parts", resume=resume)
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    names = ("epochs", "steps", "best_epoch", "val/acc", "test/acc", "train/loss")
    assert [whole[name] for name in names] == [parts[name] for name in names]
    assert [row["step"] for row in rows(tmp_path / "parts")] == ["21", "42", "50"]
