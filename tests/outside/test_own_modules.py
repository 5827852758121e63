"""A LightningModule that knows nothing of this project trains as its author wrote it; its figures are those it logs."""

from __future__ import annotations

import csv
import json
import logging
import os
import signal
import sys
from types import SimpleNamespace

import lightning.pytorch as pl
import pytest
import torch
from outsider.modules import Bare, Two, Usual
from PIL import Image
from small_runs import equal, weights, with_callback
from torch import nn
from torch.nn.functional import cross_entropy

from groundup.data.module import ImageData
from groundup.data.specs import make_spec
from groundup.errors import Interrupted, RunFailed, UserError
from groundup.learning.checkpoint import load_checkpoint
from groundup.learning.predictor import probabilities_of
from groundup.learning.random_numbers import INFERENCE, seed_all
from groundup.run.evaluate import evaluate
from groundup.run.predict import predict
from groundup.run.predict_split import predict_split
from groundup.run.run import run
from groundup.rundir.predictions import read_predictions
from groundup.seeds import mix_seed

MINE = ("callbacks.checkpoints.monitor=val_loss", "callbacks.checkpoints.mode=min")


class Linear(pl.LightningModule):
    """One layer; subclasses log what they like."""

    def __init__(self, num_classes: int):
        super().__init__()
        self.layer = nn.Linear(64, num_classes)

    def forward(self, x):
        return self.layer(x.flatten(1))

    def training_step(self, batch, batch_idx):
        return cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        right = (self(batch[0]).argmax(1) == batch[1]).float().mean()
        self.log_dict(self.measured(right))

    def test_step(self, batch, batch_idx):
        right = (self(batch[0]).argmax(1) == batch[1]).float().mean()
        self.log_dict({name.replace("val", "test"): value for name, value in self.measured(right).items()})

    def measured(self, right):
        return {"val/acc": right}

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


class Percent(Linear):
    def measured(self, right):
        return {"val/acc": 100 * right}


class Underscore(Linear):
    def measured(self, right):
        return {"val_acc": right, "steps": right}


class Nan(Linear):
    def measured(self, right):
        return {"val/acc": right * float("nan")}


class PerStep(Linear):
    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        self.log("train/loss", loss)  # Lightning's default: of a step alone
        return loss


class AtTheEnd(Linear):
    """Logs in the hook that ends an epoch."""

    def on_train_epoch_end(self):
        self.log("train/acc", 0.25)


class KeepsAnObject(Linear):
    def on_save_checkpoint(self, checkpoint):
        checkpoint["mine"] = SimpleNamespace(a=1)


class KeepsItsNet(Linear):
    def __init__(self, num_classes: int, act=nn.ReLU(), width: int = 3):  # noqa: B008
        super().__init__(num_classes)
        self.save_hyperparameters()


class Remembers(Linear):
    """What it predicts hangs on what its checkpoints hold beside weights."""

    shift = 0

    def forward(self, x):
        return super().forward(x).roll(self.shift, 1)

    def on_save_checkpoint(self, checkpoint):
        checkpoint["shift"] = 1

    def on_load_checkpoint(self, checkpoint):
        self.shift = checkpoint["shift"]


class Clipped(Two):
    def __init__(self, num_classes: int):
        super().__init__(num_classes)


class Base(Linear):
    def __init__(self, num_classes: int, image_size: tuple[int, int]):
        super().__init__(num_classes)


class HandsOn(Base):
    def __init__(self, more: int = 1, **kwargs):
        super().__init__(**kwargs)


class Augments(Linear):
    seen: list = []  # noqa: RUF012

    def on_after_batch_transfer(self, batch, dataloader_idx):
        self.seen.append(self.trainer.state.stage)
        return batch


class Maps(Linear):
    def forward(self, x):
        return x


class Wordless(Linear):
    def forward(self, x, y):
        return x


class Gathers(Linear):
    """Steps its optimizer by hand, after every third batch."""

    def __init__(self, num_classes: int):
        super().__init__(num_classes)
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        self.manual_backward(cross_entropy(self(batch[0]), batch[1]) / 3)
        if batch_idx % 3 == 2:
            self.optimizers().step()
            self.optimizers().zero_grad()


class Late(Linear):
    def setup(self, stage):
        self.late = nn.Linear(2, 2)


class SignalAtBatch(pl.Callback):
    def __init__(self, batch: int):
        self.batch = batch

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) == (0, self.batch):
            os.kill(os.getpid(), signal.SIGINT)


def make(num_classes: int):
    return Linear(num_classes)


def own(config, name, **options):
    return config | {"model": {"_target_": f"{__name__}.{name}", "name": "mine", **options}}


@pytest.fixture
def of_module(with_model):
    """The checked config of a module of this file."""
    return lambda name, *words: own(with_model("usual_module", "logger=none", *words), name)


@pytest.fixture(autouse=True)
def trusted(monkeypatch):
    monkeypatch.setenv("GROUNDUP_TRUST", f"outsider,{__name__}")


def rows(run_dir):
    with (run_dir / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def by_hand(model, batch_size, epochs):
    """A model after a training loop of a few lines, over the same images in the same order."""
    data = ImageData(make_spec({"name": "digits"}), "unused", batch_size=batch_size)
    data.setup("fit")
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for epoch in range(epochs):
        loader = data.train_dataloader()
        data.train_order.set_epoch(epoch)
        for images, target in loader:
            optimizer.zero_grad()
            cross_entropy(model(images), target).backward()
            optimizer.step()
    return model


def test_its_own_steps_and_optimizer_train_it(of_module, tmp_path):
    config = of_module("Linear", "trainer.max_epochs=2")
    results = run(config, tmp_path)
    torch.manual_seed(mix_seed(0))
    by_loop = by_hand(Linear(10), config["data"]["batch_size"], epochs=2)
    found = weights(tmp_path)
    assert torch.allclose(found["layer.weight"], by_loop.layer.weight, atol=1e-6)
    assert results["val/acc"] == pytest.approx(float(rows(tmp_path)[-1]["val/acc"]))
    assert (results["train/loss"], results["test/loss"], results["val/loss"]) == (None, None, None)
    assert "test/confusion" not in results


@pytest.mark.parametrize(("name", "words"), [("usual_module", ()), ("two_optimizers", MINE), ("bare_module", ())])
@pytest.mark.parametrize("step", [4, 20, 30])
def test_it_goes_on_after_a_stop_to_the_same_last_bit(with_model, whole_run, tmp_path, name, words, step):
    config = with_model(name, "logger=none", *words)
    whole = whole_run(config)
    step = step * (2 if name == "two_optimizers" else 1)  # each counts
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=step, signum=int(signal.SIGTERM)), tmp_path)
    run(config, tmp_path, resume=tmp_path / "checkpoints" / "last.ckpt")
    assert equal(weights(whole), weights(tmp_path))
    assert equal(weights(whole, "best"), weights(tmp_path, "best"))
    of_whole, of_parts = ([row | {"seconds": ""} for row in rows(run_dir)] for run_dir in (whole, tmp_path))
    assert of_whole == of_parts
    before, after = (json.loads((run_dir / "results.json").read_text()) for run_dir in (whole, tmp_path))
    assert {key: value for key, value in before.items() if "/" in key} == {
        key: value for key, value in after.items() if "/" in key
    }


@pytest.mark.parametrize("batch", [2, 3])
def test_gradients_that_it_gathers_by_hand_go_on_after_a_stop(of_module, whole_run, tmp_path, batch):
    config = of_module("Gathers")
    whole = whole_run(config)
    stop = {"_target_": f"{__name__}.SignalAtBatch", "batch": batch}
    with pytest.raises(Interrupted):
        run(config | {"callbacks": {**config["callbacks"], "stop": stop}}, tmp_path)
    run(config, tmp_path, resume=tmp_path / "checkpoints" / "last.ckpt")
    assert equal(weights(whole), weights(tmp_path))


def test_layers_that_a_hook_makes_are_refused_before_training(of_module, tmp_path):
    with pytest.raises(UserError, match=r"model: Late makes or takes away late\.bias, late\.weight in a hook such as"):
        run(of_module("Late"), tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["steps"] == 0


def test_it_is_evaluated_and_predicts_as_it_was_tested(with_model, tmp_path):
    results = run(with_model("usual_module", "logger=none"), tmp_path / "run")
    found = evaluate(tmp_path / "run")
    assert (found["test/acc"], found["test/loss"]) == (results["test/acc"], results["test/loss"])
    assert {*found} == {"test/acc", "test/loss", "test/nll", "test/brier", "test/ece", "test/balanced_acc"}
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    [prediction] = predict(tmp_path / "run", tmp_path / "black.png", top=10)
    assert sum(prediction.probabilities) == pytest.approx(1)
    with pytest.raises(UserError, match="draws=3: usual_module is a LightningModule"):
        evaluate(tmp_path / "run", draws=3)


def test_its_config_says_that_loss_optimizer_and_schedule_are_its_own(with_model):
    config = with_model("usual_module")
    assert [config[group] for group in ("loss", "optimizer", "scheduler")] == [{"name": "own"}] * 3
    assert with_model("module_function")["optimizer"] == {"name": "own"}
    assert with_model("calm")["optimizer"]["name"] != "own"


@pytest.mark.parametrize("word", ["optimizer.lr=0.1", "loss=mse", "scheduler=cosine", "+optimizer.eps=1"])
def test_a_word_that_would_have_no_effect_is_refused(compose_config, word):
    from groundup.config.own_training import settle_training

    config = {"model": {"_target_": "outsider.modules.Bare", "name": "bare"}}
    with pytest.raises(UserError, match=r"with model=bare: this model is a LightningModule, which has its own loss"):
        settle_training(config, ["model=bare", word])
    settle_training(config, ["model=bare", "trainer.max_epochs=3", "model.x=1"])


@pytest.mark.parametrize("name", ["usual_module", "bare_module"])
def test_own_nodes_without_such_a_model_are_refused(with_model, compose_config, name):
    from omegaconf import open_dict

    from groundup.config.check import check

    cfg = compose_config()
    with open_dict(cfg):
        cfg.optimizer = {"name": "own"}
    with pytest.raises(UserError, match=r"optimizer._target_=null: must be given"):
        check(cfg)


def test_what_is_monitored_and_not_logged_is_refused_before_training(of_module, tmp_path):
    with pytest.raises(UserError) as said:
        run(of_module("Underscore"), tmp_path)
    assert "callbacks.checkpoints.monitor=val/acc: the model logs no such metric" in str(said.value)
    assert "in validation it logs steps, val_acc" in str(said.value)
    assert json.loads((tmp_path / "results.json").read_text())["steps"] == 0


def test_views_that_nobody_would_average_are_refused(of_module):
    with pytest.raises(UserError, match=r"data\.tta=shift with model=.*accepted: none"):
        of_module("Linear", "data.tta=shift")


def test_views_of_an_evaluation_that_nobody_would_average_are_refused(of_module, tmp_path):
    run(of_module("Linear", "trainer.max_epochs=1"), tmp_path)
    with pytest.raises(UserError, match=r"data\.tta=mirror: .* accepted: none"):
        evaluate(tmp_path, data={"tta": "mirror"}, trust=[__name__])


def test_early_stopping_by_what_is_not_logged_is_refused_before_training(of_module, tmp_path):
    words = ("callbacks=early_stopping", "callbacks.early_stopping.monitor=val/loss")
    with pytest.raises(UserError, match=r"callbacks.early_stopping.monitor=val/loss: the model logs no such metric"):
        run(of_module("Linear", *words), tmp_path)


def test_a_metric_of_training_that_nobody_logs_is_found_after_an_epoch(of_module, tmp_path):
    with pytest.raises(RunFailed, match=r"callbacks.checkpoints.monitor=train_loss: .* it logs val/acc; accepted"):
        run(of_module("Linear", "callbacks.checkpoints={monitor:train_loss,mode:min}"), tmp_path)


def test_metrics_of_other_names_choose_the_best_and_are_in_the_results(of_module, tmp_path):
    results = run(of_module("Underscore", "callbacks.checkpoints.monitor=val_acc"), tmp_path)
    assert results["val/acc"] is None
    assert results["val_acc"] == pytest.approx(float(rows(tmp_path)[results["best_epoch"]]["val_acc"]))
    assert results["steps"] == 42  # and no share of images
    assert results["test_acc"] > 0.5


def test_an_accuracy_in_percent_is_no_fraction(of_module, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        results = run(of_module("Percent"), tmp_path)
    assert (results["val/acc"], results["test/acc"]) == (None, None)
    assert results["best_epoch"] is not None
    said = [record.getMessage() for record in caplog.records if "no fraction" in record.getMessage()]
    assert [text.partition("=")[0] for text in said] == ["val/acc", "test/acc"]


def test_what_is_no_number_is_null(of_module, tmp_path):
    run(of_module("Nan"), tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["val/acc"] is None


def test_a_loss_of_a_step_is_none_of_an_epoch(of_module, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        assert run(of_module("PerStep"), tmp_path)["train/loss"] is None
    assert sum("train/loss is logged for steps alone" in record.getMessage() for record in caplog.records) == 1


def test_what_is_logged_at_the_end_of_an_epoch_is_in_its_row_and_its_line(of_module, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        run(of_module("AtTheEnd"), tmp_path)
    assert [row["train/acc"] for row in rows(tmp_path)] == ["0.25", "0.25"]
    assert sum("train/acc 0.2500" in record.getMessage() for record in caplog.records) == 2


def test_without_a_validation_step_the_last_epoch_is_best_and_early_stopping_refused(with_model, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        results = run(with_model("bare_module"), tmp_path / "run")
    assert results["best_epoch"] == 1
    said = [record.getMessage() for record in caplog.records]
    assert said.count("the model has no validation_step: the last epoch counts as the best") == 1
    assert said.count("the model has no test_step: no test metrics") == 1
    with pytest.raises(UserError, match="the model has no validation_step"):
        run(with_model("bare_module", "callbacks=early_stopping", "logger=none"), tmp_path / "other")
    with pytest.raises(UserError, match="Bare has no test_step"):
        evaluate(tmp_path / "run")
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    with pytest.raises(UserError, match=r"NotImplementedError: .*accepted: to predict, a LightningModule"):
        list(predict(tmp_path / "run", tmp_path / "black.png"))


class Plateau(Linear):
    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), 0.1)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "max")
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": "val/acc"}}


def test_a_plateau_of_validation_is_refused_before_training_without_one(of_module, tmp_path):
    assert run(of_module("Plateau", "trainer.max_epochs=1"), tmp_path / "with")["status"] == "finished"
    with pytest.raises(UserError, match=r"model: monitor of its scheduler=val/acc: no validation; accepted"):
        run(of_module("Plateau", "data.val_fraction=0"), tmp_path / "without")


def test_checkpoints_that_could_not_be_read_are_refused_before_training(of_module, tmp_path):
    with pytest.raises(UserError, match="what its checkpoints hold could not be read back"):
        run(of_module("KeepsAnObject"), tmp_path)
    assert not list(tmp_path.rglob("*.ckpt"))


def test_hyperparameters_that_are_objects_stay_out_of_checkpoints(of_module, tmp_path):
    run(of_module("KeepsItsNet"), tmp_path)
    kept = load_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["hyper_parameters"]
    assert kept == {"num_classes": 10, "width": 3}


def test_its_own_part_of_a_checkpoint_is_read_by_all_that_read_it(of_module, tmp_path):
    results = run(of_module("Remembers"), tmp_path / "run")
    assert results["test/acc"] < 0.3  # classes are shifted by one, when the best is loaded
    assert evaluate(tmp_path / "run")["test/acc"] == results["test/acc"]


def test_it_clips_accumulates_and_halves_precision_as_in_lightning(of_module, with_model, tmp_path):
    words = ("trainer.gradient_clip_val=0.1", "+trainer.accumulate_grad_batches=2", "trainer.precision=bf16-mixed")
    assert run(of_module("Linear", *words), tmp_path / "run")["steps"] == 22
    for word in words[:2]:
        with pytest.raises(UserError, match=rf"{word.lstrip('+')} with model=two_optimizers: it steps its"):
            run(with_model("two_optimizers", *MINE, word, "logger=none"), tmp_path / word.rpartition(".")[2])


def test_a_class_that_hands_arguments_on_is_given_what_those_above_it_ask_for(of_module, tmp_path):
    assert run(of_module("HandsOn"), tmp_path)["parameters"] == 650


def test_its_own_hook_on_a_batch_is_called(of_module, tmp_path):
    Augments.seen.clear()
    run(of_module("Augments", "trainer.max_epochs=1"), tmp_path)
    assert {str(stage.value) for stage in Augments.seen} >= {"train", "validate", "test"}


def test_one_of_the_other_package_is_refused(of_module, tmp_path, monkeypatch):
    other = type("LightningModule", (nn.Module,), {"__init__": lambda self, num_classes: None})
    monkeypatch.setitem(sys.modules, "pytorch_lightning", SimpleNamespace(LightningModule=other))
    monkeypatch.setitem(globals(), "Other", type("Other", (other,), {}))
    with pytest.raises(UserError, match=r"Other is a LightningModule of pytorch_lightning.*import lightning.pytorch"):
        run(of_module("Linear") | {"model": own({}, "Other")["model"], "loss": LOSS, **REST}, tmp_path)


class SameSteps(Linear):
    """Tests as it validates."""

    def test_step(self, batch, batch_idx):
        self.validation_step(batch, batch_idx)


def test_figures_of_the_test_by_names_of_validation_are_left_out(of_module, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        results = run(of_module("SameSteps"), tmp_path)
    assert results["val/acc"] == float(rows(tmp_path)[results["best_epoch"]]["val/acc"])
    assert results["test/acc"] is None
    assert "val/acc: logged in test under the name of another split, and left out" in caplog.messages
    assert evaluate(tmp_path, trust=["outsider", __name__]) == {}


class TestedEarly(Linear):
    """Calls a figure of validation one of the test."""

    def measured(self, right):
        return {"val/acc": right, "test/acc": torch.tensor(0.999)}

    def test_step(self, batch, batch_idx):
        self.log("test_acc", 0.5)


def test_figures_of_validation_by_names_of_the_test_are_left_out(of_module, tmp_path):
    results = run(of_module("TestedEarly"), tmp_path)
    assert (results["test/acc"], results["test_acc"]) == (None, 0.5)
    assert "test/acc" not in rows(tmp_path)[0]


class StepsToo(Linear):
    def test_step(self, batch, batch_idx):
        right = (self(batch[0]).argmax(1) == batch[1]).float().mean()
        self.log("test/acc", right, on_step=True, on_epoch=True)
        self.log("test/confusion", 1.0)


def test_a_figure_of_the_test_that_is_logged_for_steps_too_is_that_of_the_whole(of_module, tmp_path):
    results = run(of_module("StepsToo"), tmp_path)
    assert results["test/acc"] == run(of_module("Linear"), tmp_path / "plain")["test/acc"] > 0.5
    assert not {"test/confusion", "test/acc_epoch"} & results.keys()


class Served(Linear):
    """Has its images with it, as older code does."""

    def train_dataloader(self):
        return []


def test_loaders_of_its_own_are_refused_for_nobody_would_call_them(of_module, tmp_path):
    with pytest.raises(
        UserError, match=r"Served\.train_dataloader would never be called, because the images are those of data"
    ):
        run(of_module("Served"), tmp_path)


def test_a_function_that_does_not_say_that_it_makes_one_is_refused(of_module, tmp_path):
    with pytest.raises(UserError, match=r"gives a LightningModule, Linear, and does not say so"):
        run(of_module("Linear") | {"model": own({}, "make")["model"], "loss": LOSS, **REST}, tmp_path)


LOSS = {"_target_": "torch.nn.CrossEntropyLoss", "name": "mine"}
REST = {
    "optimizer": {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.1, "name": "mine"},
    "scheduler": {"_target_": "groundup.learning.schedules.Constant", "warmup_epochs": 0, "name": "mine"},
}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("trainer.devices=2", "trainer.devices=2 with model=usual_module"),
        ("data.progressive_sizes=[[0,8]]", "data.progressive_sizes="),
    ],
)
def test_what_takes_more_than_it_knows_is_refused(with_model, word, said):
    with pytest.raises(UserError, match=said):
        with_model("usual_module", word)


@pytest.mark.parametrize("name", ["Maps", "Wordless"])
def test_a_forward_that_gives_no_classes_predicts_nothing(of_module, tmp_path, name):
    class Fits(Linear):
        pass

    config = of_module("Linear")
    run(config, tmp_path / "run")
    file = tmp_path / "run" / "config.yaml"
    file.write_text(file.read_text().replace("test_own_modules.Linear", f"test_own_modules.{name}"))
    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoints" / "best.ckpt")
    checkpoint["network"]["model"]["_target_"] = f"{__name__}.{name}"
    torch.save(checkpoint, tmp_path / "run" / "checkpoints" / "best.ckpt")
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    with pytest.raises(UserError, match="to predict, a LightningModule with a forward from images"):
        list(predict(tmp_path / "run", tmp_path / "black.png"))


def test_answers_become_probabilities():
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]])
    expected = logits.exp() / logits.exp().sum(1, keepdim=True)
    for answers in (logits, expected, expected.log(), logits + 5):
        assert torch.allclose(probabilities_of(answers), expected, atol=1e-6)
    sigmoids = torch.tensor([[0.9, 0.8, 0.1]])  # add up to more: taken for scores
    assert probabilities_of(sigmoids).sum() == pytest.approx(1)


def test_random_numbers_of_an_evaluation_are_the_same_each_time():
    drawn = []
    for _ in range(2):
        seed_all(mix_seed(0, INFERENCE, 0), torch.device("cpu"))
        drawn.append(torch.rand(3))
    assert torch.equal(*drawn)


def test_the_outsiders_modules_know_nothing_of_us():
    for module in (Usual, Two, Bare):
        assert module.__mro__[1] is pl.LightningModule


class Otherwise(Linear):
    """Evaluates by other answers than its forward gives."""

    def test_step(self, batch, batch_idx):
        self.log("test/acc", (self.layer(-batch[0].flatten(1)).argmax(1) == batch[1]).float().mean())


class Speechless(Linear):
    """Its forward is for something else than images."""

    def forward(self, x):
        return {"answer": super().forward(x)}

    def training_step(self, batch, batch_idx):
        return cross_entropy(self(batch[0])["answer"], batch[1])

    def validation_step(self, batch, batch_idx):
        self.log("val/acc", (self(batch[0])["answer"].argmax(1) == batch[1]).float().mean())

    def test_step(self, batch, batch_idx):
        self.log("test/acc", (self(batch[0])["answer"].argmax(1) == batch[1]).float().mean())


def test_its_answers_are_kept_where_its_forward_is_what_it_is_tested_by(with_model, tmp_path):
    results = run(with_model("usual_module", "logger=none"), tmp_path)
    test, val = read_predictions(tmp_path, "test"), read_predictions(tmp_path, "val")
    assert test.right.mean() == pytest.approx(results["test/acc"])
    assert val.right.mean() == pytest.approx(results["val/acc"])
    assert test.probabilities.sum(1) == pytest.approx(1, abs=3e-3)
    assert results["test/nll"] == pytest.approx(results["test/loss"], rel=0.05)  # it means the means of batches
    assert results["temperature"] > 0
    evaluated = evaluate(tmp_path)
    found = evaluate(tmp_path, split="val", predictions=tmp_path / "a.npz")
    assert found["val/acc"] == pytest.approx(results["val/acc"])
    for name in ("test/nll", "test/brier", "test/ece", "test/balanced_acc"):
        assert evaluated[name] == pytest.approx(results[name])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "val_predictions.npz").read_bytes()
    answered = list(predict_split(tmp_path, "test"))
    assert [test.classes.index(one.classes[0]) for one in answered] == test.predicted.tolist()
    assert [test.classes.index(one.true) for one in answered] == test.true.tolist()
    with pytest.raises(UserError, match="split=train: Usual is a LightningModule, which trains on it"):
        evaluate(tmp_path, split="train")


@pytest.mark.parametrize(
    ("name", "said"),
    [("Otherwise", "the run keeps no predictions of test: they would have test/acc"), ("Speechless", "no (N, K)")],
)
def test_answers_that_it_is_not_tested_by_are_not_kept_and_it_says_so(of_module, tmp_path, caplog, name, said):
    caplog.set_level(logging.INFO)
    results = run(of_module(name), tmp_path)
    assert read_predictions(tmp_path, "test") is None
    assert said in caplog.text
    assert "test/nll" not in results
    assert results["test/acc"] is not None
    with pytest.raises(UserError, match="predictions="):
        evaluate(tmp_path, predictions=tmp_path / "a.npz")
    with pytest.raises(UserError, match="split=test: "):
        predict_split(tmp_path, "test")
