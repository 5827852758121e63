"""Parts of somebody else's that are odd: right figures all the same, or one sentence before training."""

from __future__ import annotations

import logging

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping
from omegaconf import open_dict
from PIL import Image
from small_runs import equal, weights
from torch import nn
from torch.nn import functional as F

from groundup.config.check import check_run
from groundup.errors import UserError
from groundup.learning.losses import CrossEntropy
from groundup.run.evaluate import evaluate
from groundup.run.kinds import is_mean_over_images
from groundup.run.kinds import loss as build_loss
from groundup.run.kinds import optimizer as build_optimizer
from groundup.run.learners import NO_MEAN
from groundup.run.predict import predict
from groundup.run.run import run


class Net(nn.Module):
    def __init__(self, num_classes: int):
        super().__init__()
        self.k = num_classes
        self.head = nn.Linear(64, num_classes)

    def forward(self, x):
        return self.head(x.flatten(1))


class Soft(Net):
    def forward(self, x):
        return super().forward(x).softmax(1)


class SoftInEvaluation(Net):
    def forward(self, x):
        return super().forward(x) if self.training else super().forward(x).softmax(1)


class Sigmoid(Net):
    def forward(self, x):
        return super().forward(x).sigmoid()


class Buffer(Net):
    def __init__(self, num_classes: int):
        super().__init__(num_classes)
        self.register_buffer("m", torch.zeros(num_classes), persistent=False)

    def forward(self, x):
        y = super().forward(x)
        if self.training:
            self.m = 0.9 * self.m + 0.1 * y.detach().mean(0)
        return y - 20 * self.m


class Drop(Net):
    def forward(self, x):
        return F.dropout(super().forward(x), 0.5, training=True)


class Extra(Net):
    def get_extra_state(self):
        return {"n": object()}

    def set_extra_state(self, state):
        pass


class PlainExtra(Net):
    def get_extra_state(self):
        return {"n": [1, 2.0, "three"]}

    def set_extra_state(self, state):
        assert state["n"]


class Late(Net):
    def forward(self, x):
        if not hasattr(self, "late"):
            self.late = nn.Linear(self.k, self.k)
        return self.late(super().forward(x))


class Lazy(nn.Module):
    def __init__(self, num_classes: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.LazyLinear(16), nn.ReLU(), nn.LazyLinear(num_classes))

    def forward(self, x):
        return self.layers(x)


class TupleInTraining(Net):
    def forward(self, x):
        y = super().forward(x)
        return (y, y) if self.training else y


class Integers(Net):
    def forward(self, x):
        return (10 * super().forward(x)).long()


class Complex(Net):
    def forward(self, x):
        return super().forward(x) * 1j


class Normed(Net):
    def __init__(self, num_classes: int):
        super().__init__(num_classes)
        self.bn = nn.BatchNorm1d(num_classes)

    def forward(self, x):
        return self.bn(super().forward(x))


class AlwaysTraining(Normed):
    def forward(self, x):
        self.bn.train()
        return super().forward(x)


class Lit(pl.LightningModule):
    def __init__(self, num_classes: int):
        super().__init__()
        self.net = Net(num_classes)

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        return F.cross_entropy(self.net(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        self.log("val/acc", (self.net(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


class LitSigmoid(Lit):
    def forward(self, x):
        return super().forward(x).sigmoid()


class LitTrainer(Lit):
    trainer = None


class LitStops(Lit):
    def configure_callbacks(self):
        return [EarlyStopping("val_nothing")]


class LitLate(Lit):
    def forward(self, x):
        if not hasattr(self, "late"):
            self.late = nn.Linear(10, 10)
        return self.late(super().forward(x))


class Noisy(nn.Module):
    def forward(self, logits, target):
        return F.cross_entropy(logits, target) + 0.1 * torch.rand(())


class Asking(torch.optim.SGD):
    """Asks for the loss of a batch several times in a step, as those do that look at weights nearby."""

    def __init__(self, params, lr: float = 0.1, times: int = 1):
        super().__init__(params, lr)
        self.times = times

    def step(self, closure):
        with torch.enable_grad():
            for _ in range(self.times):
                loss = closure()
        super().step()
        return loss


class ScheduleFree(torch.optim.SGD):
    def train(self):
        pass

    def eval(self):
        pass


class Weighted(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("w", torch.tensor([1.0, 2, 3, 1, 1, 1, 1, 1, 1, 9]))

    def forward(self, logits, target):
        return F.cross_entropy(logits, target, weight=self.w)


class Ignoring(nn.Module):
    def forward(self, logits, target):
        return F.cross_entropy(logits, target, ignore_index=3)


class Counting(nn.Module):
    """Has a state that no checkpoint holds."""

    def __init__(self):
        super().__init__()
        self.n = 0

    def forward(self, logits, target):
        self.n += self.training
        return F.cross_entropy(logits, target) * (1 + self.n)


def nll(probabilities, target):
    return F.nll_loss(probabilities.clamp_min(1e-6).log(), target)


def node(name, **options):
    return {"_target_": f"{__name__}.{name}", "name": "mine", **options}


def of(config, name, **parts):
    return config | {"model": node(name)} | parts


@pytest.fixture
def small(with_model, monkeypatch):
    monkeypatch.setenv("GROUNDUP_TRUST", f"outsider,{__name__},{__name__}.nll")
    return with_model("tiny", "trainer.max_epochs=1", "logger=none")


@pytest.fixture
def small_module(with_model, monkeypatch):
    monkeypatch.setenv("GROUNDUP_TRUST", f"outsider,{__name__}")
    return with_model("bare_module", "trainer.max_epochs=1", "logger=none", "callbacks.checkpoints.monitor=val/acc")


NLL = node("nll", _partial_=True)


@pytest.mark.parametrize("loss", [Weighted(), Ignoring(), nn.CrossEntropyLoss(weight=torch.arange(1.0, 11))])
def test_a_loss_that_is_no_mean_over_images_is_told(loss):
    assert not is_mean_over_images(loss, 10)


@pytest.mark.parametrize(
    "loss",
    [CrossEntropy(), nn.CrossEntropyLoss(label_smoothing=0.1), nn.MultiMarginLoss(), nn.CrossEntropyLoss(), Counting()],
)
def test_a_mean_over_images_is_told(loss):
    assert is_mean_over_images(loss, 10)


def test_figures_that_depend_on_the_size_of_batches_are_told_of(small, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    run(of(small, "Net", loss=node("Weighted")), tmp_path)
    assert caplog.text.count(NO_MEAN) == 1
    caplog.clear()
    evaluate(tmp_path)
    assert caplog.text.count(NO_MEAN) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Soft", "gives probabilities, and the loss turns them into probabilities again; accepted: logits"),
        ("SoftInEvaluation", "gives probabilities"),
        ("Extra", "what its checkpoints hold could not be read back .*_extra_state"),
        ("Late", "its forward makes or takes away .*late"),
        ("TupleInTraining", "in training it answers with an object of builtins.tuple"),
        ("Integers", "torch.int64"),
        ("Complex", "torch.complex64"),
        ("AlwaysTraining", "in evaluation its forward changes bn.running_mean"),
    ],
)
def test_odd_networks_are_refused_before_training(small, tmp_path, name, said):
    with pytest.raises(UserError, match=said):
        run(of(small, name), tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("LitTrainer", "has a trainer of its own"),
        ("LitLate", "its forward makes or takes away late"),
        ("LitStops", "model: monitor of its EarlyStopping=val_nothing: the model logs no such metric"),
    ],
)
def test_odd_modules_are_refused_before_training(small_module, tmp_path, name, said):
    with pytest.raises(UserError, match=said):
        run(of(small_module, name), tmp_path)


def test_sigmoids_of_a_module_are_not_taken_for_logits(small_module, tmp_path):
    run(of(small_module, "LitSigmoid"), tmp_path)
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    with pytest.raises(UserError, match="do not add up to 1"):
        list(predict(tmp_path, tmp_path / "black.png"))


@pytest.mark.parametrize("name", ["PlainExtra", "Lazy", "Normed"])
def test_what_is_less_odd_trains_and_is_read_back(small, tmp_path, caplog, name):
    results = run(of(small, name), tmp_path)
    assert "not in its checkpoints" not in caplog.text
    assert evaluate(tmp_path)["test/loss"] == results["test/loss"]


def test_probabilities_under_the_outsiders_own_loss_stay_as_they_are(small, tmp_path):
    run(of(small, "Soft", loss=NLL), tmp_path)
    Image.new("L", (8, 8), 255).save(tmp_path / "white.png")
    [found] = predict(tmp_path, tmp_path / "white.png", top=10)
    state = weights(tmp_path, "best")
    assert max(found.probabilities) > 0.25  # the softmax of probabilities is at most 0.23
    assert sum(found.probabilities) == pytest.approx(1)
    assert set(state) == {"net.head.weight", "net.head.bias"}


def test_sigmoids_are_not_taken_for_logits(small, tmp_path):
    run(of(small, "Sigmoid", loss=NLL), tmp_path)
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    with pytest.raises(UserError, match=r"numbers of 0\.\.1 that do not add up to 1"):
        list(predict(tmp_path, tmp_path / "black.png"))


def test_a_state_outside_of_checkpoints_is_told_of_and_not_tested(small, tmp_path, caplog):
    results = run(of(small, "Buffer"), tmp_path)
    assert "a state that is not in its checkpoints" in caplog.text
    assert evaluate(tmp_path)["test/loss"] == results["test/loss"]


def test_a_state_of_a_loss_outside_of_checkpoints_is_told_of_and_not_tested(small, tmp_path, caplog):
    results = run(of(small, "Net", loss=node("Counting")), tmp_path)
    assert "a state that is not in its checkpoints" in caplog.text
    assert evaluate(tmp_path)["test/loss"] == results["test/loss"]


def test_random_answers_are_the_same_each_time_and_may_be_drawn_often(small, tmp_path):
    results = run(of(small, "Drop"), tmp_path)
    assert evaluate(tmp_path)["test/loss"] == evaluate(tmp_path)["test/loss"] == results["test/loss"]
    several = evaluate(tmp_path, draws=2)
    assert several["test/loss sd"] > 0
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    first, again = (list(predict(tmp_path, tmp_path / "black.png")) for _ in range(2))
    assert first == again


def test_what_a_loss_draws_is_the_same_in_the_test_of_a_run_and_of_its_evaluation(make_config, tmp_path, monkeypatch):
    monkeypatch.setenv("GROUNDUP_TRUST", __name__)
    results = run(make_config("trainer.max_epochs=1", "logger=none") | {"loss": node("Noisy")}, tmp_path)
    torch.manual_seed(1234)  # whatever was drawn before
    assert evaluate(tmp_path, accelerator="cpu")["test/loss"] == results["test/loss"]


def test_what_is_not_random_is_not_drawn_often(small, tmp_path):
    run(of(small, "Net"), tmp_path)
    with pytest.raises(UserError, match="are not random"):
        evaluate(tmp_path, draws=2)


def test_trials_change_nothing_of_a_training(small, tmp_path, monkeypatch):
    run(of(small, "Normed"), tmp_path / "tried")
    monkeypatch.setattr("groundup.run.parts.try_network", lambda *_: None)
    run(of(small, "Normed"), tmp_path / "not")
    assert equal(weights(tmp_path / "tried"), weights(tmp_path / "not"))


def test_an_optimizer_that_wants_to_be_told_of_evaluations_is_refused():
    make = build_optimizer(node("ScheduleFree", _partial_=True, lr=0.1))
    with pytest.raises(UserError, match=r"has train\(\) and eval\(\)"):
        make([{"params": [nn.Parameter(torch.zeros(1))]}])


def test_a_batch_whose_loss_is_asked_for_twice_is_counted_once(small, tmp_path):
    config = small | {"trainer": small["trainer"] | {"log_every_n_steps": 5}}  # no multiple of two
    once, twice = (
        run(config | {"optimizer": node("Asking", _partial_=True, lr=0.1, times=times)}, tmp_path / str(times))
        for times in (1, 2)
    )
    figures = ("train/loss", "val/acc", "test/loss", "steps")
    assert [once[key] for key in figures] == [twice[key] for key in figures]
    assert equal(weights(tmp_path / "1"), weights(tmp_path / "2"))


def test_an_optimizer_that_would_be_made_too_early_is_told_of_the_key(compose_config):
    cfg = compose_config()
    with open_dict(cfg):
        cfg.optimizer = node("Asking", lr=0.1)
    with pytest.raises(
        UserError, match=r"^optimizer: must have the key _partial_: true, because .*Asking waits for the"
    ):
        check_run(cfg)


@pytest.mark.parametrize("group", ["loss", "scheduler"])
def test_the_check_of_a_function_that_is_no_partial_tells_of_the_key(compose_config, group):
    cfg = compose_config()
    with open_dict(cfg):
        cfg[group] = node("nll")
    with pytest.raises(UserError, match=r"must be given: .*_partial_: true"):
        check_run(cfg)


def test_a_function_that_is_no_partial_is_told_of_the_key():
    with pytest.raises(UserError, match="_partial_: true"):
        build_loss(node("nll"), 10)
