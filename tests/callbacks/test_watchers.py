"""What is written for TensorBoard: every part, for every kind of run, and nothing of the run is changed by it."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from events import read_events, scalars, steps
from lightning.pytorch import Callback
from PIL import Image

from groundup.callbacks import confusion, evaluation_watcher, watcher
from groundup.config.check import check
from groundup.errors import Interrupted
from groundup.learning.checkpoint import load_checkpoint
from groundup.learning.cuda_graphs import CapturedStep
from groundup.run.run import run

PROJECT = Path(__file__).parents[2]
SMALL = ("model=mlp", "model.hidden_dims=[16]", "trainer.max_epochs=2", "trainer.accelerator=cpu")
CNN = ("model=cnn", "model.width=4", "trainer.max_epochs=1", "trainer.accelerator=cpu")
PARTS = (
    "charts",
    "smooth_loss",
    "gradient_norm",
    "throughput",
    "samples",
    "filters",
    "confusion",
    "per_class",
    "reliability",
    "mistakes",
)
PICTURES = {"confusion/val_images", "confusion/val_shares", "per_class/val", "reliability/val", "mistakes/val"}


@pytest.fixture
def make_config(compose_config):
    def make(*overrides, small=SMALL):
        return check(compose_config(*small, *overrides))

    return make


def weights(run_dir):
    return load_checkpoint(run_dir / "checkpoints" / "last.ckpt")["state_dict"]


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def documented():
    """The tags of docs/reference/metrics.md as patterns; capitals stand for names of layers, parameters and classes."""
    page = (PROJECT / "docs" / "reference" / "metrics.md").read_text()
    rows = re.findall(r"^\| (`[^|]*`) \|", page, flags=re.MULTILINE)
    tags = {tag for row in rows for tag in re.findall(r"`([^`]+)`", row) if not tag.startswith("python ")}
    return {tag: re.compile(re.sub("LAYER|NAME|CLASS|NN", ".+", re.escape(tag))) for tag in tags}


def test_every_tag_that_a_run_writes_is_documented_and_the_other_way_round(make_config, tmp_path):
    run(make_config("callbacks=everything", "data.tta=shift", small=CNN), tmp_path / "cnn")
    noprop = ("model=noprop_dt", "model.blocks=2", "data.limit_train=200", *CNN[2:])
    run(make_config(small=noprop), tmp_path / "noprop")
    tags = {*steps(tmp_path / "cnn"), *steps(tmp_path / "noprop")}
    written = {tag.removesuffix("/text_summary") for tag in tags} - {"custom_scalars__config__"}
    patterns = documented()
    assert len(patterns) > 30
    assert [tag for tag in written if not any(pattern.fullmatch(tag) for pattern in patterns.values())] == []
    unused = [tag for tag, pattern in patterns.items() if not any(pattern.fullmatch(name) for name in written)]
    assert unused == []
    assert read_events(tmp_path / "cnn").Tags()["graph"]


# Nothing of the run is changed


class LeavesEvaluationMode(Callback):
    """What a careless callback would do."""

    def on_train_epoch_end(self, trainer, pl_module):
        pl_module.net.eval()


MODELS = {
    "mlp": (*SMALL, "model.dropout=0.3", "data.augment=[shift]", "data.shift=1"),
    "cnn": (*CNN, "model.dropout=0.3", "trainer.max_epochs=2", "optimizer=adam"),
    "numpy_mlp": (
        "model=numpy_mlp",
        "model.hidden_dims=[16]",
        "model.dropout=0.3",
        "model.batch_norm=true",
        *SMALL[2:],
    ),
}


@pytest.mark.parametrize("model", MODELS)
def test_weights_are_the_same_to_the_last_bit_with_all_parts_and_with_none(make_config, tmp_path, model):
    config = make_config("callbacks=everything", "trainer.log_every_n_steps=5", small=MODELS[model])
    run(config, tmp_path / "with")
    config["callbacks"] = {name: config["callbacks"][name] for name in ("checkpoints", "metrics_csv")}
    run(config, tmp_path / "without")
    assert equal(weights(tmp_path / "with"), weights(tmp_path / "without"))
    # negative control: the comparison sees what a callback can do wrong
    careless = {"_target_": f"{__name__}.LeavesEvaluationMode"}
    run(config | {"callbacks": {**config["callbacks"], "careless": careless}}, tmp_path / "careless")
    assert not equal(weights(tmp_path / "without"), weights(tmp_path / "careless"))


class SignalAt(Callback):
    def __init__(self, step: int):
        self.step = step

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == self.step:
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("step", [20, 30], ids=["end of an epoch", "within one"])
def test_a_run_that_goes_on_shows_every_step_once_and_none_is_missing(make_config, whole_run, tmp_path, step):
    config = make_config("callbacks=everything", "trainer.max_epochs=3")
    config["callbacks"] |= {
        name: {**config["callbacks"][name], "every_n_epochs": 1} for name in ("confusion", "filters")
    }
    stopper = {"_target_": f"{__name__}.SignalAt", "step": step}
    with pytest.raises(Interrupted):
        run(config | {"callbacks": {**config["callbacks"], "stopper": stopper}}, tmp_path / "parts")
    run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    whole, parts = steps(whole_run(config)), steps(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    for tag in whole:
        if tag.split("/")[0] in ("train", "time", "lr"):  # losses are read anew from where the run went on
            assert parts[tag] == sorted(set(parts[tag])), tag
        else:
            assert parts[tag] == whole[tag], tag


def test_the_last_epoch_is_shown_of_a_run_that_ends_at_max_steps(make_config, tmp_path):
    run(make_config("trainer.max_epochs=9", "+trainer.max_steps=42"), tmp_path)
    found = steps(tmp_path)
    assert found["filters/features.1"] == [0, 41]
    assert found["mistakes/val"] == [41]


# Every kind of run


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_left_out_by_null(make_config, part):
    assert make_config(f"callbacks.{part}=null")["callbacks"][part] is None


def test_without_a_part_the_others_are_written(make_config, tmp_path):
    run(make_config("callbacks.confusion=null", "callbacks.gradient_norm=null"), tmp_path)
    tags = steps(tmp_path).keys()
    assert {"per_class/val", "mistakes/test", "train/loss_smooth"} <= tags
    assert not any(tag.startswith("confusion/") or tag == "train/grad_norm" for tag in tags)


def test_pictures_come_every_n_epochs_and_in_the_last(make_config, tmp_path):
    run(make_config("trainer.max_epochs=5", "callbacks.confusion.every_n_epochs=2"), tmp_path)
    found = steps(tmp_path)
    assert [(step + 1) / 21 for step in found["confusion/val_images"]] == [2, 4, 5]
    assert [(step + 1) / 21 for step in found["per_class/val"]] == [5]
    assert found["confusion/test_images"] == [5 * 21]


@pytest.mark.parametrize("model", ["mlp", "lenet", "cnn", "numpy_mlp", "numpy_lenet", "numpy_cnn"])
def test_everything_is_written_of_every_model_without_validation_data(make_config, tmp_path, model):
    options = {"cnn": ["model.width=4"], "numpy_cnn": ["model.channels=[4]"]}.get(model, [])
    small = (f"model={model}", *options, "data.limit_train=128", "data.limit_test=64", *SMALL[2:])
    run(make_config("callbacks=everything", "data.val_fraction=0", "trainer.max_epochs=1", small=small), tmp_path)
    tags = steps(tmp_path).keys()
    assert {"confusion/test_images", "mistakes/test", "samples/train", "pr_test/3"} <= tags
    for group in ("filters", "weights", "gradients", "dead_units"):
        assert any(tag.startswith(f"{group}/") for tag in tags), group
    assert any(tag.startswith("feature_maps/") for tag in tags) == (not model.endswith("mlp"))
    assert not PICTURES & tags


def test_everything_is_written_of_colour_images_that_are_read_from_disk(make_config, tmp_path):
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("a cat", "dog"):
            (tmp_path / "images" / split / name).mkdir(parents=True)
            for i in range(12):
                pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "images" / split / name / f"{i}.png")
    folder = ("data=image_folder", f"data.root={tmp_path / 'images'}", "data.image_size=8", "data.val_fraction=0.25")
    config = make_config(
        "callbacks=everything", *folder, "data.in_memory=false", "data.batch_size=8", "data.augment=[flip]"
    )
    run(config, tmp_path / "run")
    assert {*PICTURES, "samples/train", "filters/features.1", "pr_val/a cat"} <= steps(tmp_path / "run").keys()


def test_without_a_logger_nothing_is_drawn_and_nothing_collected(make_config, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation_watcher, "ConfusionCounts", lambda *_: pytest.fail("counts though nobody looks"))
    monkeypatch.setattr(watcher, "write_picture", lambda *_: pytest.fail("draws though nobody looks"))
    assert run(make_config("logger=none", "callbacks=everything"), tmp_path)["status"] == "finished"


def test_lightning_passes_over_the_hooks_of_a_step_that_a_watcher_has_not():
    """Six hooks of nine parts, a microsecond and more each, would be a tenth of a small network's step."""
    of_a_step = [name for name in dir(Callback) if re.fullmatch(r"on_(train_batch|before|after)_\w+", name)]
    assert len(of_a_step) == 6
    assert not any(callable(getattr(watcher.Watcher, name)) for name in of_a_step)
    assert all(callable(getattr(Callback, name)) for name in of_a_step)  # the control


# The right numbers


def test_the_confusion_matrix_counts_every_test_image_where_sklearn_does(make_config, tmp_path, monkeypatch):
    drawn = {}

    def draw(counts, *arguments, **options):
        drawn["last"] = counts
        return original(counts, *arguments, **options)

    original = confusion.draw_confusion
    monkeypatch.setattr(confusion, "draw_confusion", draw)
    results = run(make_config("data.eval_batch_size=50"), tmp_path)
    assert drawn["last"].sum() == 359
    assert drawn["last"].trace() / 359 == pytest.approx(results["test/acc"])
    recall = drawn["last"].diagonal() / drawn["last"].sum(axis=1)
    assert recall == pytest.approx(list(results["test/per_class"].values()))


def test_the_smooth_loss_is_the_running_mean_of_the_steps(make_config, tmp_path):
    window = ("callbacks.smooth_loss.window=10",)
    run(make_config(*window, "trainer.log_every_n_steps=1"), tmp_path / "each")
    run(make_config(*window, "trainer.log_every_n_steps=7"), tmp_path / "seventh")
    losses = list(scalars(tmp_path / "each", "train/loss_step").values())
    assert len(losses) == 2 * 21
    means = {step: np.mean(losses[max(0, step - 10) : step]) for step in range(1, 43)}
    assert scalars(tmp_path / "each", "train/loss_smooth") == pytest.approx(means, rel=1e-5)
    seventh = scalars(tmp_path / "seventh", "train/loss_smooth")
    assert sorted(seventh) == [7, 14, 21, 28, 35, 42]
    assert seventh == pytest.approx({step: means[step] for step in seventh}, rel=1e-5)


def test_the_gradient_norm_is_that_of_autograd_before_clipping(make_config, tmp_path):
    from groundup.config.build import build
    from groundup.data.specs import make_spec
    from groundup.run.learners import build_learner
    from groundup.run.parts import seed_everything

    config = make_config("trainer.log_every_n_steps=1", "trainer.gradient_clip_val=0.01", "trainer.max_epochs=1")
    run(config, tmp_path)
    spec = make_spec(config["data"])
    data = build(config["data"], spec=spec, seed=0)
    data.setup("fit")
    seed_everything(0)
    learner = build_learner(config, spec)
    images, target = next(iter(data.train_dataloader()))
    learner.loss(learner(images), target).backward()
    expected = sum(float(p.grad.double().square().sum()) for p in learner.parameters()) ** 0.5
    assert scalars(tmp_path, "train/grad_norm")[1] == pytest.approx(expected, rel=1e-5)
    assert expected > 1  # clipped, it would be 0.01


def test_captured_steps_show_the_gradients_of_ordinary_ones(make_config, tmp_path, tape, monkeypatch):
    def run_one(name, *overrides):
        small = ("data.batch_size=256", "trainer.log_every_n_steps=4", "trainer.max_epochs=5")
        run(make_config("callbacks=everything", *small, *overrides), tmp_path / name)
        gradients = {tag for tag in steps(tmp_path / name) if tag.startswith("gradients/")}
        return scalars(tmp_path / name, "train/grad_norm"), gradients

    expected, names = run_one("ordinary")
    found, found_names = run_one("captured", "trainer.capture=true")
    assert len(tape) == 1
    assert found == pytest.approx(expected, rel=1e-3)
    assert found_names == names != set()
    monkeypatch.setattr(CapturedStep, "show_gradients", lambda step: None)
    stale, _ = run_one("stale", "trainer.capture=true")
    assert stale != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("batches", [3, 4])
def test_with_accumulated_gradients_the_norm_is_still_written(make_config, tmp_path, batches):
    config = make_config("trainer.log_every_n_steps=5")
    config["trainer"] |= {"accumulate_grad_batches": batches}
    run(config, tmp_path)
    assert len(scalars(tmp_path, "train/grad_norm")) >= 2 * 3


def test_throughput_counts_training_images_and_leaves_validation_out(make_config, tmp_path):
    config = make_config("data.eval_batch_size=1", "trainer.max_epochs=1")  # a slow validation
    results = run(config, tmp_path)
    [rate] = scalars(tmp_path, "time/samples_per_second").values()
    assert rate > 1.5 * results["samples_per_second"]
    assert 1294 / rate < results["train_seconds"]


def test_the_calibration_error_in_a_picture_is_that_of_the_results(monkeypatch):
    """Answers of confidence 1 have a bin of their own, and are less often right here than the next ones."""
    from groundup.callbacks import reliability
    from groundup.statistics.calibration import expected_calibration_error

    torch.manual_seed(0)
    logits, target = torch.randn(500, 10) * torch.linspace(0.1, 60, 500)[:, None], torch.randint(10, (500,))
    target[:400], logits[400:, 0], target[450:] = logits[:400].argmax(1), 200.0, 0
    learner = SimpleNamespace(
        device="cpu", probabilities=lambda logits: logits.softmax(1), sum_over_processes=lambda sums: sums
    )
    drawn = []
    monkeypatch.setattr(reliability, "draw_reliability", lambda *given: drawn.append(given))
    monkeypatch.setattr(reliability, "write_picture", lambda *_: None)
    monkeypatch.setattr(reliability, "moment", lambda *_: "now")
    watcher = reliability.Reliability()
    watcher.begin(learner)
    for part in torch.arange(500).split(170):
        watcher.see(learner, None, target[part], logits[part])
    watcher.show(SimpleNamespace(is_global_zero=True), learner, "test", 0)
    [(images, _, right, error, _)] = drawn
    confidence, predicted = logits.softmax(1).max(1)
    expected = expected_calibration_error(confidence.numpy(), (predicted == target).numpy())
    assert error == pytest.approx(expected, abs=1e-5)
    assert (len(images), images.sum(), right.sum()) == (15, 500, int((predicted == target).sum()))
    at_fifteen = np.minimum((confidence.numpy() * 15).astype(int), 14)
    gaps = np.bincount(at_fifteen, (predicted == target).numpy() - confidence.numpy())
    assert abs(np.abs(gaps).sum() / 500 - expected) > 1e-3, "the control: without that bin it is another number"
