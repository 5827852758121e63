"""What a run leaves behind: the files, the figures, the same numbers again."""

from __future__ import annotations

import csv
import json
import logging
import math
import os
import signal
import warnings
from pathlib import Path

import pytest
import torch
import yaml
from small_runs import equal, hparams, weights, with_callback

from groundup.data.module import ImageData
from groundup.data.sources import Images
from groundup.errors import RunFailed, UserError
from groundup.run.evaluate import evaluate
from groundup.run.failures import one_line_cause
from groundup.run.run import run


def test_a_run_directory_holds_what_the_design_says(small_run):
    results, run_dir = small_run
    found = {path.name for path in run_dir.iterdir() if not path.name.startswith((".", "events."))}
    predictions = {"test_predictions.npz", "val_predictions.npz"}
    assert (
        found == {"config.yaml", "results.json", "metrics.csv", "checkpoints"} | predictions
    )  # train.log is the command's
    assert {path.name for path in (run_dir / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert list(run_dir.glob("events.out.tfevents.*"))
    assert json.loads((run_dir / "results.json").read_text()) == results
    assert results["status"] == "finished"
    expected = {
        "status", "test/acc", "test/loss", "val/acc", "val/loss", "train/loss", "best_epoch", "epochs", "steps",
        "train_seconds", "samples_per_second", "parameters", "seed", "device", "model", "data", "overrides",
        "versions", "git",
    }  # fmt: skip
    assert expected <= results.keys()
    assert (results["epochs"], results["steps"]) == (2, 2 * 21)  # 1294 training images in batches of 64
    assert results["parameters"] == 64 * 16 + 16 + 16 * 10 + 10


def test_metrics_csv_has_one_row_an_epoch(small_run):
    _, run_dir = small_run
    rows = list(csv.DictReader((run_dir / "metrics.csv").open()))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert all(0 <= float(row[name]) <= 1 for row in rows for name in ("train/acc", "val/acc"))


def test_the_written_config_repeats_the_run_to_the_last_bit(small_run, tmp_path):
    _, run_dir = small_run
    torch.rand(7)  # the state of the process must not matter
    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    run(config, tmp_path / "again")
    assert equal(weights(run_dir), weights(tmp_path / "again"))


class SmallIntegers(ImageData):
    """A data module of somebody else's, whose labels count as uint8 does."""

    def setup(self, stage):
        super().setup(stage)
        self.splits = {name: Images(split.pixels, split.labels.byte()) for name, split in self.splits.items()}


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_labels_that_would_overflow_are_refused(make_config, tmp_path, loss):
    config = make_config(f"loss={loss}")
    config["data"]["_target_"] = f"{__name__}.SmallIntegers"
    with pytest.raises(UserError, match=r"labels of the data module: given uint8 of shape .* accepted: .* int64"):
        run(config, tmp_path / "run")


def test_seed_zero_is_a_seed_and_another_seed_gives_other_weights(make_config, tmp_path):
    for name, seed in (("first", 0), ("other", 1), ("second", 0)):
        run(make_config(f"seed={seed}"), tmp_path / name)
    assert equal(weights(tmp_path / "first"), weights(tmp_path / "second"))
    assert not equal(weights(tmp_path / "first"), weights(tmp_path / "other"))


def test_evaluate_gives_the_test_metrics_of_the_run(small_run):
    results, run_dir = small_run
    metrics = evaluate(run_dir, accelerator="cpu")
    assert metrics["test/acc"] == pytest.approx(results["test/acc"])
    assert metrics["test/loss"] == pytest.approx(results["test/loss"])
    assert metrics["test/per_class"] == pytest.approx(results["test/per_class"])


def test_test_accuracy_counts_every_image_of_the_test_split(small_run):
    from groundup.data.specs import make_spec

    results, run_dir = small_run
    size = make_spec(yaml.safe_load((run_dir / "config.yaml").read_text())["data"]).test_size
    hits = results["test/acc"] * size
    assert hits == pytest.approx(round(hits), abs=1e-3)
    # negative control: of one image fewer it would be no whole number
    assert results["test/acc"] * (size - 1) != pytest.approx(round(results["test/acc"] * (size - 1)), abs=1e-3)


def test_figures_of_counts_are_exact_wherever_they_are_written(small_run):
    results, run_dir = small_run
    epochs = list(csv.DictReader((run_dir / "metrics.csv").open()))
    right = sum(row[i] for i, row in enumerate(results["test/confusion"]))
    assert results["test/acc"] == right / 359 == evaluate(run_dir, accelerator="cpu")["test/acc"]
    best = epochs[results["best_epoch"]]
    assert results["val/acc"] == float(best["val/acc"]) == round(results["val/acc"] * 144) / 144
    assert results["train/acc"] == float(best["train/acc"]) == round(results["train/acc"] * 1294) / 1294
    assert float(torch.tensor(results["test/acc"])) != results["test/acc"]  # the control: in single precision


def test_accuracy_over_several_views_is_exact(make_config, tmp_path):
    results = run(make_config("data.tta=mirror", "data.limit_test=50"), tmp_path)
    assert json.dumps(results["test/acc_tta"]) == json.dumps(round(results["test/acc_tta"] * 50) / 50)


def test_a_class_without_test_images_has_no_accuracy(make_config, tmp_path):
    results = run(make_config("data.limit_test=4"), tmp_path)
    absent = {name for name, row in zip("0123456789", results["test/confusion"], strict=True) if not sum(row)}
    read = json.loads((tmp_path / "results.json").read_text())["test/per_class"]
    assert {name for name, value in read.items() if value is None} == absent
    assert absent


def test_means_over_draws_are_exact_where_a_mean_of_floats_is_not():
    from groundup.run.evaluate_predictor import _means

    draws = [
        {"test/acc": hits / 1000, "test/loss": math.inf, "test/confusion": [[hits, 1000 - hits], [0, 0]]}
        for hits in (100, 200, 300)
    ]
    assert sum(draw["test/acc"] for draw in draws) / 3 != 0.2  # the control
    found = _means(draws, ("a", "b"), "test")
    assert json.dumps(found["test/acc"]) == "0.2"
    assert found["test/acc sd"] == pytest.approx(0.1)
    assert not math.isfinite(found["test/loss sd"])
    assert found["test/per_class"]["a"] == 0.2
    assert math.isnan(found["test/per_class"]["b"])
    assert found["test/confusion"] == [[600, 2400], [0, 0]]


def test_the_confusion_matrix_is_scikit_learns_of_the_same_predictions(small_run):
    from sklearn.metrics import confusion_matrix

    from groundup.config.build import build
    from groundup.data.specs import make_spec
    from groundup.learning.checkpoint import load_weights
    from groundup.run.learners import build_learner

    results, run_dir = small_run
    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    spec = make_spec(config["data"])
    data = build(config["data"], spec=spec, seed=0)
    data.prepare_data()
    data.setup("test")
    learner = build_learner(config, spec)
    load_weights(learner, run_dir / "checkpoints" / "best.ckpt")
    learner.eval()
    with torch.no_grad():
        pairs = [(target, learner(images).argmax(1)) for images, target in data.test_dataloader()]
    target, predicted = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    expected = confusion_matrix(target, predicted, labels=range(10)).tolist()
    assert results["test/confusion"] == expected
    assert expected != confusion_matrix(predicted, target, labels=range(10)).tolist()  # rows are the true classes
    assert evaluate(run_dir, accelerator="cpu")["test/confusion"] == expected
    text = (run_dir / "results.json").read_text()
    assert f"    {expected[0]}".replace("'", "") in text  # a row a line


def test_training_loss_and_accuracy_are_those_of_a_bare_loop(make_config, tmp_path):
    """A bare PyTorch loop over the same batches, from the same weights, with plain torch parts."""
    from groundup.config.build import build
    from groundup.data.specs import make_spec

    config = make_config("scheduler=constant", "optimizer.lr=0.1", "trainer.max_epochs=1")
    results = run(config, tmp_path)

    spec = make_spec(config["data"])
    data = build(config["data"], spec=spec, seed=0)
    data.prepare_data()
    data.setup("fit")
    from groundup.run.parts import seed_everything

    seed_everything(0)
    net = build(config["model"], in_channels=1, image_size=(8, 8), num_classes=10)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    loss_sum = hits = count = 0.0
    for images, target in data.train_dataloader():
        logits = net(images)
        loss = torch.nn.functional.cross_entropy(logits, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(target)
        hits += (logits.argmax(1) == target).sum().item()
        count += len(target)
    assert results["train/loss"] == pytest.approx(loss_sum / count, rel=1e-6)
    assert results["train/acc"] == pytest.approx(hits / count, rel=1e-6)
    trained = {f"net.{name}": value for name, value in net.state_dict().items()}
    ours = weights(tmp_path)
    assert all(torch.allclose(ours[name], value, atol=1e-6) for name, value in trained.items())


def test_training_on_everything_takes_the_last_epoch(make_config, tmp_path):
    results = run(make_config("data.val_fraction=0"), tmp_path)
    assert results["best_epoch"] == 1
    assert results["val/acc"] is None
    assert equal(weights(tmp_path, "best"), weights(tmp_path, "last"))


def test_metrics_csv_leaves_validation_empty_where_there_was_none(make_config, tmp_path):
    config = make_config("trainer.max_epochs=3")
    config["trainer"] |= {"check_val_every_n_epoch": 2}
    run(config, tmp_path)
    rows = list(csv.DictReader((tmp_path / "metrics.csv").open()))
    assert [bool(row["val/acc"]) for row in rows] == [False, True, True]  # and at the end


def test_samples_per_second_counts_the_images_that_were_trained_on(make_config, tmp_path):
    config = make_config()
    config["trainer"] |= {"limit_train_batches": 3}
    results = run(config, tmp_path)
    assert results["samples_per_second"] == pytest.approx(2 * 3 * 64 / results["train_seconds"], rel=0.05)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("config.yaml", "config.yaml is not the config of a run"),
        ("metrics.csv", "holds metrics.csv and no run"),
        ("checkpoints/best.pt", "holds checkpoints and no run"),
        ("test_predictions.npz", "holds test_predictions.npz and no run"),
    ],
)
def test_files_of_the_users_own_with_a_runs_names_are_not_written_over(make_config, tmp_path, name, expected):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine: 1")
    with pytest.raises(UserError, match=f"={tmp_path}: {expected}"):
        run(make_config(), tmp_path)
    assert (tmp_path / name).read_text() == "mine: 1"
    assert {path.name for path in tmp_path.rglob("*")} <= {".lock", "checkpoints", Path(name).name}


def test_a_run_does_not_begin_where_a_link_leads_out(make_config, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoints").symlink_to("../own")
    with pytest.raises(UserError, match="run/checkpoints: a link that leads to"):
        run(make_config(), tmp_path / "run")
    assert not any((tmp_path / "own").iterdir())


def test_a_run_that_failed_before_its_first_step_leaves_its_directory_to_the_next(make_config, tmp_path):
    with pytest.raises(UserError, match=r"data\.folds=900"):  # which is known when the images are there
        run(make_config("data.folds=900", "data.fold=0", "data.val_fraction=null"), tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["status"] == "failed"
    assert run(make_config(), tmp_path)["status"] == "finished"


def test_a_directory_that_holds_a_run_is_not_written_over(small_run, make_config):
    _, run_dir = small_run
    with pytest.raises(UserError, match="holds a run already"):
        run(make_config(), run_dir)


def test_a_run_without_a_step_or_a_test_says_so(make_config, tmp_path):
    config = make_config()
    config["trainer"] |= {"limit_train_batches": 0}
    with pytest.raises(UserError, match="no training step was taken"):
        run(config, tmp_path / "none")
    config["trainer"] |= {"limit_train_batches": 1.0, "limit_test_batches": 0}
    assert run(config, tmp_path / "untested")["test/acc"] is None


def test_signal_handlers_warnings_and_log_levels_are_put_back(make_config, tmp_path):
    before = (signal.getsignal(signal.SIGTERM), list(warnings.filters), logging.getLogger("lightning.pytorch").level)
    run(make_config(), tmp_path)
    after = (signal.getsignal(signal.SIGTERM), list(warnings.filters), logging.getLogger("lightning.pytorch").level)
    assert before == after
    assert "PL_GLOBAL_SEED" not in os.environ


# Failing


def test_a_diverging_loss_ends_the_run_and_names_step_and_learning_rate(make_config, tmp_path):
    with pytest.raises(RunFailed, match=r"became (nan|inf) at step \d+ with learning rate 1e\+"):
        run(make_config("optimizer.lr=1e30", "scheduler=constant"), tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["status"] == "failed"
    assert "optimizer.lr" in results["error"]


def test_a_hand_written_network_that_diverges_says_the_same_and_names_its_layer(make_config, tmp_path):
    with pytest.raises(RunFailed, match=r"Dense 'head': expected finite .* at step \d+ with learning rate 1e\+"):
        run(make_config("model=numpy_mlp", "optimizer.lr=1e30", "scheduler=constant"), tmp_path)
    assert "optimizer.lr" in json.loads((tmp_path / "results.json").read_text())["error"]


def test_a_failure_leaves_its_cause_in_results_and_a_row_in_hparams(make_config, tmp_path):
    with pytest.raises(RunFailed, match="RuntimeError: a crash"):
        run(with_callback(make_config(), "Break", step=3), tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert (results["status"], results["error"]) == ("failed", "RuntimeError: a crash")
    assert hparams(tmp_path)[0]["status"].string_value == "failed"


def test_a_running_run_is_not_run_again(make_config, tmp_path):
    import filelock

    with filelock.FileLock(tmp_path / ".lock"), pytest.raises(UserError, match="still going on"):
        run(make_config(), tmp_path)


def test_an_impossible_device_is_named_with_its_key(make_config, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UserError, match=r"trainer\.accelerator=cuda"):
        run(make_config("trainer.accelerator=cuda"), tmp_path)


def test_a_full_disk_is_said_before_training(make_config, tmp_path, monkeypatch):
    import shutil
    from types import SimpleNamespace

    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(UserError, match=r"0 MiB free, this run needs about 2\d MiB"):
        run(make_config(), tmp_path)


# TensorBoard


def test_hparams_hold_the_final_metrics_and_no_minus_one(small_run):
    results, run_dir = small_run
    params, metrics = hparams(run_dir)
    assert params["optimizer.lr"].number_value == 0.05
    assert metrics["test/acc"] == pytest.approx(results["test/acc"])
    assert metrics["val/acc_best"] == pytest.approx(results["val/acc"])
    assert -1 not in metrics.values()
    assert not any("hp_metric" in name for name in metrics)


def test_what_was_set_on_the_command_line_stands_first_in_hparams(make_config, tmp_path):
    """TensorBoard shows five columns: those that are marked as differing, then the others by name."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    run(make_config(), tmp_path, overrides=["model=mlp", "optimizer.lr=0.05", "+trainer.max_steps=3", "seed=0"])
    plugin = EventAccumulator(str(tmp_path)).Reload().summary_metadata["_hparams_/experiment"].plugin_data
    infos = HParamsPluginData.FromString(plugin.content).experiment.hparam_infos
    assert {info.name for info in infos if info.differs} == {"model.name", "optimizer.lr", "seed"}


def test_tensorboard_shows_every_epoch_the_rate_and_the_layers(small_run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, run_dir = small_run
    events = EventAccumulator(str(run_dir)).Reload()
    tags = events.Tags()
    assert {"train/loss", "train/acc", "val/loss", "val/acc", "test/acc"} <= set(tags["scalars"])
    assert len(events.Scalars("val/acc")) == 2
    assert "model/layers/text_summary" in tags["tensors"]


@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "bce"])
def test_every_loss_trains(make_config, tmp_path, loss):
    results = run(make_config(f"loss={loss}", "optimizer=adam", "optimizer.lr=0.02", "trainer.max_epochs=4"), tmp_path)
    assert math.isfinite(results["train/loss"])
    assert results["test/acc"] > 0.5


def test_running_out_of_gpu_memory_names_the_batch_size():
    assert "data.batch_size" in one_line_cause(torch.OutOfMemoryError("CUDA out of memory"), Path())
    assert "data.batch_size" not in one_line_cause(RuntimeError("something else"), Path())
