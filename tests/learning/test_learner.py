"""What a way of learning gets from its base class for giving the losses of a batch, and nothing else."""

from __future__ import annotations

import csv
import json
import re
import signal
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hydra.utils import get_object
from omegaconf import OmegaConf
from small_runs import equal, weights, with_callback
from torch import nn
from torch.nn.functional import cross_entropy

from groundup.data.order import EpochOrder
from groundup.data.specs import make_spec
from groundup.errors import Interrupted, RunFailed, UserError
from groundup.learning.classifier import Classifier
from groundup.learning.contract import Losses
from groundup.learning.learner import Learner
from groundup.learning.schedules import Constant
from groundup.models.mlp import MLP
from groundup.run.run import run

PROJECT = Path(__file__).parents[2]


EXAMPLE = textwrap.dedent(re.search(r" +class Calm.*logits\)\n", Learner.__doc__, re.DOTALL)[0])
_NAMES = {"Learner": Learner, "Losses": Losses, "MLP": MLP}
exec(EXAMPLE, _NAMES)
Calm = _NAMES["Calm"]  # the way of learning that the docstring shows


class Noisy(Calm):
    """Draws in its steps, and predicts nothing in them."""

    def losses(self, images, target):
        return Losses(super().losses(images + torch.randn_like(images), target).loss)


class TenTimes(Calm):
    """Is logged as `Calm` is, and learns ten times as fast."""

    def losses(self, images, target):
        loss, logits, _ = super().losses(images, target)
        return Losses(10 * loss, logits, shown=loss)


class Bursting(Calm):
    """No number any more after its fifth step."""

    def losses(self, images, target):
        loss, logits, _ = super().losses(images, target)
        return Losses(loss + float("nan") if self.trainer.global_step == 5 else loss, logits)


class Careless(Calm):
    """Gives something else than the rest relies on; which, the test says."""

    def losses(self, images, target):
        return self.given(*super().losses(images, target)[:2])


class Forgetful(Calm):
    """Has a hook of Lightning's without the base class's part of it."""

    def on_train_start(self):
        pass


@pytest.fixture
def config_of(make_config):
    """The config of a small run that learns in this way."""

    def make(way, *words):
        config = make_config("trainer.log_every_n_steps=4", "data.limit_train=300", "data.batch_size=50", *words)
        return config | {"model": {"_target_": f"{__name__}.{way.__name__}", "name": "own"}}

    return make


def rows(run_dir):
    """Of `metrics.csv`, as numbers."""
    return [
        {name: float(value) for name, value in row.items() if name != "seconds"}
        for row in csv.DictReader((run_dir / "metrics.csv").open())
    ]


def test_the_example_has_five_lines():
    body = EXAMPLE.split("\n", 1)[1]
    assert len([line for line in body.splitlines() if line]) == 5


def test_no_shipped_way_of_learning_writes_its_own_step():
    nodes = (OmegaConf.load(file) for file in (PROJECT / "conf" / "model").glob("*.yaml"))
    found = [get_object(node["_target_"]) for node in nodes]
    ways = [Classifier, *(way for way in found if isinstance(way, type) and issubclass(way, Learner))]
    assert len(ways) > 9
    assert all(way.training_step is Learner.training_step and way.losses is not Learner.losses for way in ways)


def test_five_lines_are_trained_measured_and_tested(config_of, tmp_path, monkeypatch):
    seen, losses = [], Calm.losses

    def noted(learner, images, target):
        found = losses(learner, images, target)
        right = (found.logits.argmax(dim=1) == target).sum().item()
        seen.append((found.loss.item() * len(target), right, len(target)))
        return found

    monkeypatch.setattr(Calm, "losses", noted)
    results = run(config_of(Calm, "trainer.max_epochs=1"), tmp_path)
    loss, right, images = (sum(column) for column in zip(*seen, strict=True))
    [row] = rows(tmp_path)
    assert row["train/loss"] == pytest.approx(loss / images, rel=1e-6)
    assert row["train/acc"] == right / images
    assert results["test/acc"] is not None
    assert json.loads((tmp_path / "results.json").read_text())["steps"] == 6


def test_a_step_that_predicts_nothing_has_a_loss_and_no_accuracy(config_of, tmp_path):
    run(config_of(Noisy, "trainer.max_epochs=1"), tmp_path)
    [row] = rows(tmp_path)
    assert row["train/loss"] > 0
    assert "train/acc" not in row
    assert row["val/acc"] > 0


@pytest.mark.parametrize("way", [Calm, Noisy])
def test_a_stopped_run_goes_on_to_the_same_weights_and_rows(config_of, tmp_path, way):
    config = config_of(way)
    run(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=8, signum=int(signal.SIGTERM)), tmp_path / "parts")
    run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda loss, logits: loss, "gives Tensor; accepted: groundup.learning.contract.Losses"),
        (lambda loss, logits: None, "gives NoneType; accepted"),
        (
            lambda loss, logits: Losses(loss.expand(50)),
            r"gives a tensor of shape \(50,\) as loss; accepted: a tensor of one",
        ),
        (lambda loss, logits: Losses(loss, shown=loss.expand(50)), r"gives a tensor of shape \(50,\) as shown"),
        (lambda loss, logits: Losses(loss.item()), "gives float as loss"),
        (lambda loss, logits: Losses(loss.detach()), "gives a loss without a gradient"),
        (lambda loss, logits: Losses(loss, logits[:1]), r"shape \(1, 10\) as logits; accepted: \(50, 10\)"),
        (lambda loss, logits: Losses(loss, logits.argmax(dim=1)), r"shape \(50,\) as logits"),
    ],
)
def test_what_a_way_must_not_give_is_refused_and_named(config_of, tmp_path, monkeypatch, given, words):
    monkeypatch.setattr(Careless, "given", staticmethod(given), raising=False)
    with pytest.raises(UserError, match=f"model: Careless.losses .*{words}"):
        run(config_of(Careless), tmp_path)


def test_a_hook_without_the_base_class_is_refused_and_not_trained_at_a_rate_of_nothing(config_of, tmp_path):
    with pytest.raises(UserError, match=r"Forgetful.on_train_start must call super\(\).on_train_start\(\)"):
        run(config_of(Forgetful), tmp_path)


def test_what_is_shown_is_logged_and_what_is_differentiated_is_learned_from(config_of, tmp_path):
    """By plain SGD, ten times the loss is ten times the rate."""
    plain = ("optimizer.momentum=0", "optimizer.weight_decay=0", "scheduler=constant")
    run(config_of(Calm, *plain, "optimizer.lr=0.1"), tmp_path / "calm")
    run(config_of(TenTimes, *plain, "optimizer.lr=0.01"), tmp_path / "ten")
    run(config_of(Calm, *plain, "optimizer.lr=0.01"), tmp_path / "slow")
    calm, ten, slow = (rows(tmp_path / name)[1]["train/loss"] for name in ("calm", "ten", "slow"))
    assert ten == pytest.approx(calm, rel=1e-4)
    assert ten != pytest.approx(slow, rel=1e-2)


def test_a_loss_that_is_no_number_ends_the_run_and_the_step_is_named(config_of, tmp_path):
    with pytest.raises(RunFailed, match="the training loss became nan at step 5 with learning rate"):
        run(config_of(Bursting), tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["status"] == "failed"


def a_learner(rank, world_size):
    """Of one of the processes of a run whose batches hold 5 images."""
    spec = make_spec({"name": "digits"})
    torch.manual_seed(0)
    learner = Calm(spec, loss=nn.CrossEntropyLoss(), optimizer=torch.optim.SGD, lr_schedule=Constant())
    order = EpochOrder(10, 5, rank=rank, world_size=world_size)
    learner._trainer = SimpleNamespace(world_size=world_size, global_step=0, datamodule=order)
    return learner, order.batches()[0]


def test_processes_with_unequal_shares_of_a_batch_come_to_its_gradient():
    """Their gradients are averaged: of 3 and of 2 images, as if both had the same number."""
    images, target = torch.randn(10, 1, 8, 8), torch.arange(10)

    def gradient(rank, world_size, weighted=True):
        learner, rows = a_learner(rank, world_size)
        loss = learner.training_step((images[rows], target[rows]), 0)
        shown = learner.progress.meter
        shown.read(1)
        assert shown.loss_sum == pytest.approx(learner.losses(images[rows], target[rows]).loss.item() * len(rows))
        if not weighted:
            loss = learner.losses(images[rows], target[rows]).loss
        return torch.cat([grad.flatten() for grad in torch.autograd.grad(loss, list(learner.parameters()))])

    alone, two = gradient(0, 1), (gradient(0, 2) + gradient(1, 2)) / 2
    torch.testing.assert_close(two, alone)
    unweighted = (gradient(0, 2, weighted=False) + gradient(1, 2, weighted=False)) / 2
    assert not torch.allclose(unweighted, alone, rtol=1e-2)


def test_a_way_without_losses_says_what_is_missing():
    learner = Learner(nn.Identity(), make_spec({"name": "digits"}), cross_entropy, torch.optim.SGD, Constant())
    with pytest.raises(NotImplementedError, match=r"Learner\.losses"):
        learner.training_step((torch.zeros(1, 10), torch.zeros(1).long()), 0)


def test_a_seed_is_not_asked_for_where_nothing_is_drawn():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    assert Classifier(net, make_spec({"name": "digits"}), cross_entropy, torch.optim.SGD, Constant()).seed == 0
