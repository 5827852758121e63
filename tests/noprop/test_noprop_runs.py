"""NoProp on the rails of every other model: runs, passes, resume, evaluation from noise to label only."""

from __future__ import annotations

import csv
import signal

import pytest
import torch
from lightning.pytorch import Callback
from PIL import Image
from small_runs import equal, weights, with_callback

from groundup.callbacks.interrupt import StopOnSignal
from groundup.data.specs import make_spec
from groundup.errors import Interrupted, UserError
from groundup.run.evaluate import evaluate
from groundup.run.learners import build_learner
from groundup.run.parts import assemble, seed_everything
from groundup.run.predict import predict
from groundup.run.run import run

SHORT = (
    *("optimizer=adamw", "scheduler=constant", "trainer.max_epochs=1", "trainer.accelerator=cpu"),
    *("data.limit_train=120", "data.limit_test=60", "data.batch_size=32"),
)
DT = ("model=noprop_dt", "model.blocks=2", *SHORT)


def rows(run_dir):
    return list(csv.DictReader((run_dir / "metrics.csv").open()))


class WhichMoved(Callback):
    """Notes, after every step, which blocks are no longer what they were before it."""

    def __init__(self):
        self.moved = []

    def on_train_batch_start(self, trainer, learner, *_):
        self.before = [
            torch.cat([p.detach().flatten().clone() for p in block.parameters()]) for block in learner.net.blocks
        ]

    def on_train_batch_end(self, trainer, learner, *_):
        after = [torch.cat([p.detach().flatten() for p in block.parameters()]) for block in learner.net.blocks]
        self.moved.append([not torch.equal(a, b) for a, b in zip(self.before, after, strict=True)])


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [("sequential", [[True, False]] * 4 + [[False, True]] * 4), ("stacked", [[True, True]] * 4)],
)
def test_an_epoch_trains_each_block_once_on_every_image_and_idle_blocks_do_not_move(
    make_config, tmp_path, schedule, expected
):
    """Weight decay and momentum would move them, had they gradients of zero."""
    config = make_config(f"model.schedule={schedule}", "optimizer.weight_decay=0.5", "trainer.max_epochs=2", small=DT)
    with StopOnSignal() as stop:
        parts = assemble(config, tmp_path, stop)
        parts.trainer.callbacks.append(watch := WhichMoved())
        parts.trainer.fit(parts.learner, datamodule=parts.data)
    assert watch.moved == expected * 2  # 108 images in four batches, two epochs


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_blocks_that_begin_later_learn_with_every_optimizer(make_config, tmp_path, optimizer):
    """Fused SGD wants a momentum of all parameters of a group or of none."""
    results = run(make_config(f"optimizer={optimizer}", small=DT), tmp_path)
    assert results["status"] == "finished"
    moved = zip(weights(tmp_path).items(), fresh(make_config).values(), strict=True)
    assert all(not torch.equal(after, before) for (name, after), before in moved if name.endswith("head.weight"))


def fresh(make_config):
    """The weights that a run begins with."""
    config = make_config(small=DT)
    seed_everything(config["seed"])
    return build_learner(config, make_spec(config["data"])).state_dict()


@pytest.mark.parametrize("step", [2, 5])
def test_a_stopped_run_goes_on_to_the_same_weights_and_rows(make_config, whole_run, tmp_path, step):
    config = make_config("model.embedding=prototype", small=DT)
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=step, signum=int(signal.SIGTERM)), tmp_path / "parts")
    run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    assert equal(weights(whole_run(config)), weights(tmp_path / "parts"))
    whole, parts = rows(whole_run(config)), rows(tmp_path / "parts")
    for row in (*whole, *parts):
        del row["seconds"]
    assert whole == parts
    assert {"train/block_01", "train/block_02", "val/acc_block_01", "val/acc_without_noise"} <= whole[0].keys()
    assert "train/acc" not in whole[0]


def test_an_epoch_that_was_cut_short_counts_all_its_steps_when_it_goes_on(make_config, tmp_path):
    config, short = (
        make_config("model.schedule=stacked", *words, small=DT) for words in ((), ("+trainer.max_steps=3",))
    )
    run(config, tmp_path / "whole")
    run(short, tmp_path / "parts")
    [cut] = rows(tmp_path / "parts")
    run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    [whole], [parts] = rows(tmp_path / "whole"), rows(tmp_path / "parts")
    for name in ("train/loss", "train/block_01", "train/block_02"):
        assert parts[name] == whole[name] != cut[name], name


@pytest.mark.parametrize("model", ["noprop_ct", "noprop_fm", "noprop_adjoint"])
@pytest.mark.parametrize("embedding", ["one_hot", "prototype"])
def test_continuous_time_runs_from_command_to_result(make_config, tmp_path, model, embedding):
    words = (f"model={model}", f"model.embedding={embedding}", "model.inference_steps=3", *SHORT)
    results = run(make_config(small=words), tmp_path)
    assert results["status"] == "finished"
    assert results["test/acc"] is not None


@pytest.mark.parametrize(
    "words",
    [
        ("model=noprop_backprop", "model.blocks=2", "model.embedding=prototype"),
        ("model=block_ce",),
        ("model=block_local", "model.blocks=2"),
        ("model=block_ensemble", "model.blocks=2"),
        ("model=forward_forward", "model.hidden_dims=[20,20]"),
        ("model=feedback_alignment", "model.hidden_dims=[20,20]", "model.dropout=0.1"),
    ],
    ids=lambda words: words[0],
)
def test_what_it_is_compared_with_runs_from_command_to_result(make_config, tmp_path, words):
    config = make_config(small=(*words, *SHORT))
    results = run(config, tmp_path / "run")
    assert results["status"] == "finished"
    assert evaluate(tmp_path / "run")["test/acc"] == results["test/acc"]
    assert results["test/acc"] == run(config, tmp_path / "again")["test/acc"]


def test_evaluation_repeats_its_draws_and_several_are_a_mean_with_a_deviation(make_config, tmp_path):
    results = run(make_config(small=DT), tmp_path)
    once, thrice = evaluate(tmp_path), evaluate(tmp_path, draws=3)
    assert once["test/acc"] == results["test/acc"]
    assert once["test/loss"] == results["test/loss"]
    losses = [evaluate_draw(tmp_path, make_config, draw) for draw in range(3)]
    assert thrice["test/loss"] == pytest.approx(sum(losses) / 3, rel=1e-6)
    assert thrice["test/loss sd"] == pytest.approx(torch.tensor(losses).std().item(), rel=1e-4)
    assert len(set(losses)) == 3


def evaluate_draw(run_dir, make_config, draw):
    """The test loss of one draw, without `evaluate`."""
    config = make_config(small=DT)
    spec = make_spec(config["data"])
    learner = build_learner(config, spec)
    learner.load_state_dict(weights(run_dir, "best"))
    learner.draw = draw
    (run_dir / "again").mkdir(exist_ok=True)
    with StopOnSignal() as stop:
        parts = assemble(config, run_dir / "again", stop)
    [metrics] = parts.trainer.test(learner, datamodule=parts.data, verbose=False)
    return metrics["test/loss"]


def test_draws_of_a_network_that_draws_nothing_are_refused(small_run):
    _, run_dir = small_run
    with pytest.raises(UserError, match=r"draws=2.*accepted: 1"):
        evaluate(run_dir, draws=2)


def test_a_prediction_repeats_itself(make_config, tmp_path):
    run(make_config(small=DT), tmp_path)
    Image.new("L", (14, 14), 90).save(tmp_path / "grey.png")
    first, second = (list(predict(tmp_path, tmp_path / "grey.png", top=3)) for _ in range(2))
    assert first == second


def test_learned_labels_come_from_the_image_alone(make_config, tmp_path):
    """Trained on digits, NoProp sees them; shown other images in their place, it guesses at the level of chance."""
    words = ("data.limit_train=null", "data.limit_test=null", "trainer.max_epochs=3", "optimizer.lr=0.003")
    config = make_config(*words, "model.schedule=stacked", small=DT)
    results = run(config, tmp_path)
    with StopOnSignal() as stop:
        parts = assemble(config, tmp_path, stop)
    parts.learner.load_state_dict(weights(tmp_path, "best"))
    parts.data.setup("test")
    pixels, labels = parts.data.splits["test"].pixels, parts.data.splits["test"].labels
    parts.data.splits["test"].pixels.copy_(
        pixels[torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))]
    )
    [shuffled] = parts.trainer.test(parts.learner, datamodule=parts.data, verbose=False)
    assert results["test/acc"] > 0.6
    assert shuffled["test/acc"] < 0.2
    assert len(labels.unique()) == 10


def test_one_block_at_a_time_on_several_devices_is_refused(make_config):
    config = make_config(small=DT)
    learner = build_learner(config, make_spec(config["data"]))

    class Two:
        world_size = 2
        limit_train_batches = 1.0

    learner._trainer = Two()
    with pytest.raises(UserError, match=r"accepted: model\.schedule=stacked"):
        learner.setup("fit")


def test_a_part_of_an_epoch_in_which_the_last_blocks_would_not_learn_is_refused(make_config, tmp_path):
    part = ("+trainer.limit_train_batches=0.5", "trainer.max_epochs=1")
    with pytest.raises(UserError, match=r"limit_train_batches=0\.5 with model\.schedule=sequential"):
        run(make_config(*part, small=DT), tmp_path / "sequential")
    run(make_config(*part, "model.schedule=stacked", small=DT), tmp_path / "stacked")
