"""What is offered as a part of a run, from anybody's package, is one, or is refused in a sentence before training."""

from __future__ import annotations

import json

import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import nn

from groundup.callbacks.interrupt import StopOnSignal
from groundup.data.specs import make_spec
from groundup.errors import UserError
from groundup.run.learners import build_learner
from groundup.run.parts import assemble
from groundup.run.run import run

HERE = __name__


class WithoutRate(torch.optim.Optimizer):
    """Steps as far as it likes."""

    def __init__(self, params):
        super().__init__(params, {})


class Linear(nn.Module):
    """A network of somebody's own."""

    outputs = None

    def __init__(self, in_channels, image_size, num_classes):
        super().__init__()
        pixels = in_channels * image_size[0] * image_size[1]
        self.head = nn.Linear(pixels, self.outputs or num_classes)

    def forward(self, images):
        return self.head(images.flatten(1))


class Wide(Linear):
    outputs = 15


class Narrow(Linear):
    outputs = 7


class Pair(Linear):
    def forward(self, images):
        return super().forward(images), images


class Maps(Linear):
    def forward(self, images):
        return super().forward(images)[:, :, None, None]


class OneImage(Linear):
    """Forgets the batch."""

    def forward(self, images):
        return super().forward(images)[0]


class Frozen(Linear):
    def __init__(self, **sizes):
        super().__init__(**sizes)
        self.requires_grad_(False)


class Lit(LightningModule):
    """With its own way of learning, which must never be left out in silence."""

    def __init__(self, in_channels, image_size, num_classes):
        super().__init__()
        self.net = Linear(in_channels, image_size, num_classes)

    def forward(self, images):
        return self.net(images)

    def training_step(self, batch, batch_idx):
        raise AssertionError("called after all")


def lit(in_channels, image_size, num_classes):
    return Lit(in_channels, image_size, num_classes)


def nothing(*_, **__):
    return None


def of_two(step, total_steps):
    return 1.0


def negative(step, total_steps, steps_per_epoch):
    return -1.0


def nan(step, total_steps, steps_per_epoch):
    return float("nan")


def halved(step, total_steps, steps_per_epoch):
    return 0.5


class Remembering(nn.Module):
    """A loss with a state, and randomness."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, logits, target):
        self.calls += 1
        return nn.functional.cross_entropy(logits, target) + 0 * torch.rand(())


class Brier(nn.Module):
    """A mean of another kind."""

    def forward(self, logits, target):
        return (logits.softmax(1) - nn.functional.one_hot(target, logits.shape[1])).square().sum(1).mean()


def with_node(config, group, node):
    return config | {group: {"name": "mine", **node}}


def own(name, **options):
    return {"_target_": f"{HERE}.{name}", **options}


def refusal(config, tmp_path):
    with pytest.raises(UserError) as said:
        run(config, tmp_path / "run")
    assert "\n" not in str(said.value)
    assert not list(tmp_path.rglob("*.ckpt"))
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert (results["status"], results["steps"]) in (("failed", None), ("failed", 0))
    return str(said.value)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (own("Lit", _partial_=True), "gives an object of functools.partial, no network"),
        (own("nothing"), "gives an object of builtins.NoneType, no network"),
        (own("Wide"), "it answers 2 images with a tensor of shape (2, 15), data=digits has 10 classes"),
        (own("Narrow"), "it answers 2 images with a tensor of shape (2, 7), data=digits has 10 classes"),
        (own("Pair"), "it answers images with an object of builtins.tuple"),
        (own("Maps"), "it answers 2 images with a tensor of shape (2, 10, 1, 1)"),
        (own("OneImage"), "it answers 2 images with a tensor of shape (10,)"),
        ({"_target_": "torchvision.models.resnet18"}, "RuntimeError: Given groups=1, weight of size [64, 3, 7, 7]"),
    ],
)
def test_what_is_no_network_for_these_images_is_refused(make_config, tmp_path, node, said):
    message = refusal(with_node(make_config("logger=none"), "model", node), tmp_path)
    assert message.startswith(f"model._target_={node['_target_']}: {said}")
    assert "a torch.nn.Module from images (N, C, H, W) to logits (N, 10), which the project trains" in message


@pytest.mark.parametrize("name", ["Lit", "lit"])
def test_a_lightning_module_beside_a_loss_and_an_optimizer_that_it_does_not_use_is_refused(make_config, tmp_path, name):
    message = refusal(with_node(make_config("logger=none"), "model", own(name)), tmp_path)
    assert "LightningModule" in message


def test_a_network_with_nothing_to_learn_is_refused(make_config, tmp_path):
    config = with_node(make_config("logger=none"), "model", own("Frozen"))
    assert "there is nothing to learn" in refusal(config, tmp_path)


def test_a_network_of_ones_own_trains(make_config, tmp_path):
    results = run(with_node(make_config("logger=none"), "model", own("Linear")), tmp_path)
    assert results["test/acc"] > 0.5


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (
            {"_target_": "torch.nn.CrossEntropyLoss", "reduction": "none"},
            "it gives a tensor of shape (11,) for 11 images",
        ),
        (
            {"_target_": "torch.nn.CrossEntropyLoss", "reduction": "sum"},
            "it is the sum over the images, not their mean",
        ),
        (
            {"_target_": "torch.nn.MSELoss"},
            "RuntimeError: The size of tensor a (10) must match the size of tensor b (11)",
        ),
        ({"_target_": "torch.nn.Identity"}, "TypeError: "),
        ({"_target_": "builtins.dict"}, "TypeError: 'dict' object is not callable"),
        ({"_target_": f"{HERE}.nothing", "_partial_": True}, "it gives an object of builtins.NoneType for 11 images"),
    ],
)
def test_what_is_no_mean_loss_is_refused(make_config, tmp_path, node, said):
    message = refusal(with_node(make_config("logger=none"), "loss", node), tmp_path)
    assert message.startswith(f"loss._target_={node['_target_']}: {said}")
    assert "a function of logits (N, 10) and classes (N,) to the mean loss" in message


@pytest.mark.parametrize(
    "node",
    [
        {"_target_": "torch.nn.CrossEntropyLoss"},
        {"_target_": "torch.nn.functional.cross_entropy", "_partial_": True},
        {"_target_": "torch.nn.MultiMarginLoss"},
        {"_target_": f"{HERE}.Brier"},
    ],
)
def test_mean_losses_from_elsewhere_are_welcome(make_config, node):
    config = with_node(make_config(), "loss", node)
    build_learner(config, make_spec(config["data"]))


def test_trying_a_loss_leaves_it_and_the_random_numbers_as_they_were(make_config):
    config = with_node(make_config(), "loss", own("Remembering"))
    torch.manual_seed(0)
    learner = build_learner(config | {"model": {"name": "mine", **own("Linear")}}, make_spec(config["data"]))
    torch.manual_seed(0)
    untried = Linear(1, (8, 8), 10)
    assert float(learner.loss.calls) == 0
    assert torch.equal(learner.net.head.weight, untried.head.weight)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (own("of_two", _partial_=True), "of_two() takes 2 positional arguments but 3 were given"),
        (own("nothing", _partial_=True), "its factors for the first and last step are [None, None]"),
        (own("negative", _partial_=True), "its factors for the first and last step are [-1.0, -1.0]"),
        (own("nan", _partial_=True), "its factors for the first and last step are [nan, nan]"),
    ],
)
def test_what_is_no_schedule_is_refused(make_config, tmp_path, node, said):
    message = refusal(with_node(make_config("logger=none"), "scheduler", node), tmp_path)
    assert message.startswith(f"scheduler._target_={node['_target_']}: {said}")
    assert "see scheduler=constant, step, cosine, onecycle, triangle" in message


def test_a_schedule_of_ones_own_sets_the_rate(make_config, tmp_path):
    config = with_node(make_config("optimizer.lr=0.1"), "scheduler", own("halved", _partial_=True))
    parts = assemble(config, tmp_path, StopOnSignal())
    assert parts.learner.lr_schedule(3, 10, 5) == 0.5


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"_target_": "torch.nn.ReLU", "_partial_": True}, "optimizer._target_=torch.nn.ReLU: gives an object of"),
        (
            {"_target_": "torch.optim.LBFGS", "_partial_": True, "lr": 0.1},
            "optimizer._target_=torch.optim.LBFGS: gives",
        ),
        (own("nothing", _partial_=True), f"optimizer._target_={HERE}.nothing: gives an object of builtins.NoneType"),
        (
            {"_target_": "torch.optim.RMSprop", "_partial_": True, "rate": 0.1},
            "optimizer._target_=torch.optim.RMSprop: RMSprop.__init__() got an unexpected keyword argument 'rate'",
        ),
        ({"_target_": "torch.optim.RMSprop", "lr": 0.1}, "optimizer._partial_=false: must be true"),
        (own("WithoutRate", _partial_=True), f"optimizer._target_={HERE}.WithoutRate: its groups have no lr"),
    ],
)
def test_what_is_no_optimizer_is_refused(make_config, tmp_path, node, said):
    assert refusal(with_node(make_config("logger=none"), "optimizer", node), tmp_path).startswith(said)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"_target_": "builtins.dict"}, "gives an object of builtins.dict, no logger"),
        ({"_target_": "lightning.pytorch.loggers.NoSuchLogger"}, "Error loading"),
        (own("nothing", _partial_=True), "gives an object of builtins.NoneType, no logger"),
        ({"_target_": "lightning.pytorch.loggers.CSVLogger", "save_directory": "x"}, "CSVLogger.__init__() "),
    ],
)
def test_what_is_no_logger_is_refused(make_config, tmp_path, node, said):
    config = make_config() | {"logger": {"mine": node}}
    assert refusal(config, tmp_path).startswith(f"logger.mine._target_={node['_target_']}: {said}")


def test_a_logger_of_lightnings_own_logs(make_config, tmp_path):
    node = {
        "_target_": "lightning.pytorch.loggers.CSVLogger",
        "save_dir": str(tmp_path),
        "name": "mine",
        "version": "1",
    }
    run(make_config() | {"logger": {"csv": node}}, tmp_path / "run")
    names = (tmp_path / "mine" / "1" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"train/loss", "val/acc", "test/acc", "train/loss_step", "lr", "step"} <= set(names)


def test_a_logger_may_not_write_the_runs_own_table(make_config, tmp_path):
    node = {"_target_": "lightning.pytorch.loggers.CSVLogger", "save_dir": str(tmp_path / "run")}
    config = make_config() | {"logger": {"csv": node | {"name": "", "version": ""}}}
    assert refusal(config, tmp_path).startswith("logger.csv: it would write ")


class NoData:
    def __init__(self, **_):
        pass


class Data(LightningDataModule):
    def __init__(self, **_):
        super().__init__()


def test_what_is_no_data_module_is_refused(make_config, tmp_path):
    config = make_config("logger=none")
    node = {**own("NoData"), "name": "digits"}
    said = refusal(config | {"data": node}, tmp_path / "a")
    assert said.startswith(f"data._target_={HERE}.NoData: {HERE}.NoData is no data module; accepted: a subclass of")
    said = refusal(config | {"data": node | own("Data")}, tmp_path / "b")
    assert said.startswith(f"data._target_={HERE}.Data: it has no training data")
