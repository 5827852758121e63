"""Models of somebody else's: told by what they are, given what they ask for, trained, resumed and read like ours."""

from __future__ import annotations

import inspect
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import get_object
from lightning.pytorch import LightningModule
from omegaconf import OmegaConf
from outsider.learners import Calm
from PIL import Image
from small_runs import equal, weights, with_callback
from torch import nn

from groundup.config.given_sizes import refuse_other_sizes
from groundup.config.model_kinds import kind_of_class, model_kind
from groundup.config.rooms import options_of
from groundup.data.specs import make_spec
from groundup.errors import Interrupted, UserError
from groundup.numpy_nets import Sequential
from groundup.options import ModelKind
from groundup.run.evaluate import evaluate
from groundup.run.predict import predict
from groundup.run.run import run

OURS = sorted((Path(__file__).parents[2] / "conf" / "model").glob("*.yaml"))


class Named(nn.Module):
    """Asks for the classes alone."""

    def __init__(self, num_classes: int):
        super().__init__()
        self.head = nn.Linear(64, num_classes)

    def forward(self, images):
        return self.head(images.flatten(1))


class Drawing(nn.Module):
    """Draws while it learns, from whatever generator is at hand."""

    def __init__(self, num_classes: int):
        super().__init__()
        self.head = nn.Linear(64, num_classes)

    def forward(self, images):
        if self.training:
            images = images * (1 + 0.1 * random.random()) + 0.1 * np.random.random() + 0.1 * torch.rand(())
        return self.head(images.flatten(1))


class Viewing(nn.Module):
    """As in a tutorial: takes what a convolution gives apart by `view`."""

    def __init__(self, in_channels: int, num_classes: int):
        super().__init__()
        self.conv, self.head = nn.Conv2d(in_channels, 4, 3), nn.Linear(4 * 36, num_classes)

    def forward(self, images):
        return self.head(self.conv(images).view(images.size(0), -1))


class Several(nn.Module):
    """Compares images, and wants more than one."""

    def __init__(self, num_classes: int):
        super().__init__()
        self.norm, self.head = nn.BatchNorm1d(64, track_running_stats=False), nn.Linear(64, num_classes)

    def forward(self, images):
        return self.head(self.norm(images.flatten(1)))


def factory(name, **options):
    return {"named": Named}[name](**options)


def says_numpy(num_classes) -> Sequential:
    raise AssertionError("not called")


def says_module() -> LightningModule:
    raise AssertionError("not called")


def says_nothing():
    return None


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.stem)
def test_the_options_of_a_model_of_ours_say_what_it_is(file):
    node = OmegaConf.to_container(OmegaConf.load(file))
    found = get_object(node["_target_"])
    if inspect.isclass(found):
        assert options_of("model", node).kind is kind_of_class(found)
    else:
        assert options_of("model", node).kind in (ModelKind.NUMPY, ModelKind.NETWORK)
        numpy = issubclass(inspect.get_annotations(found, eval_str=True)["return"], Sequential)
        assert (options_of("model", node).kind is ModelKind.NUMPY) == numpy


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("outsider.networks.Tiny", ModelKind.NETWORK),
        ("outsider.numpy_networks.Hidden", ModelKind.NUMPY),
        ("outsider.learners.Half", ModelKind.LEARNER),
        (f"{__name__}.says_numpy", ModelKind.NUMPY),
        (f"{__name__}.says_module", ModelKind.MODULE),
        (f"{__name__}.says_nothing", None),
        ("outsider.nowhere.Net", None),
        ("builtins.dict", None),
    ],
)
def test_what_a_model_is_is_told_by_its_class(target, kind):
    assert model_kind({"_target_": target, "name": "x"}) is kind


@pytest.mark.parametrize("name", ["own_numpy", "own_numpy_function", "calm", "calm_function", "half"])
def test_it_trains_goes_on_to_the_same_weights_and_is_read_back(with_model, tmp_path, monkeypatch, name):
    monkeypatch.setenv("GROUNDUP_TRUST", f"outsider,{__name__},outsider.learners.calm,outsider.numpy_networks.linear")
    config = with_model(name)
    results = run(config, tmp_path / "whole")
    assert results["device"] == "cpu"
    assert results["test/acc"] > 0.5
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=5), tmp_path / "parts")
    run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert evaluate(tmp_path / "whole")["test/acc"] == results["test/acc"]
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    [found] = predict(tmp_path / "whole", tmp_path / "black.png", top=10)
    assert sum(found.probabilities) == pytest.approx(1)


def test_what_is_drawn_from_any_generator_goes_on_as_if_it_had_not_been_stopped(with_model, tmp_path):
    config = with_model("tiny", "logger=none") | {"model": node("Drawing")}
    run(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=5), tmp_path / "parts")
    run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


@pytest.mark.parametrize("name", ["Viewing", "Several"])
def test_a_network_of_a_tutorial_trains_and_is_evaluated(with_model, tmp_path, monkeypatch, name):
    monkeypatch.setenv("GROUNDUP_TRUST", __name__)
    results = run(with_model("tiny", "logger=none", "trainer.max_epochs=1") | {"model": node(name)}, tmp_path)
    assert results["status"] == "finished"
    assert evaluate(tmp_path)["test/acc"] == results["test/acc"]


def test_a_function_of_arguments_of_any_name_is_given_what_its_node_says_alone(with_model, tmp_path):
    config = with_model("tiny", "logger=none", "trainer.max_epochs=1")
    own = {"_target_": f"{__name__}.factory", "_args_": ["named"], "num_classes": 10}
    assert run(config | {"model": node("factory") | own}, tmp_path)["parameters"] == 65 * 10


def test_an_own_hand_written_network_begins_from_the_seed(with_model, tmp_path):
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    for run_dir, seed in ((first, 0), (again, 0), (other, 1)):
        run(with_model("own_numpy", f"seed={seed}", "trainer.max_epochs=1", "logger=none"), run_dir)
    assert equal(weights(first), weights(again))
    assert not equal(weights(first), weights(other))


def test_what_numpy_cannot_is_refused_for_an_own_network_too(with_model):
    with pytest.raises(UserError, match=r"trainer.precision=bf16-mixed with model=own_numpy: NumPy computes"):
        with_model("own_numpy", "trainer.precision=bf16-mixed")


def test_a_model_is_given_the_sizes_that_its_signature_names(with_model, tmp_path):
    results = run(with_model("tiny", "trainer.max_epochs=1") | {"model": node("Named")}, tmp_path)
    assert results["parameters"] == 65 * 10


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ({"num_classes": 7}, r"model.num_classes=7 with data=digits, which has num_classes=10"),
        ({"in_channels": 3}, r"model.in_channels=3 with data=digits, which has in_channels=1"),
        ({"image_size": [8, 9]}, r"model.image_size=\[8,9\] with data=digits, which has image_size=\[8,8\]"),
    ],
)
def test_a_size_that_is_not_that_of_the_images_is_refused(with_model, size, said):
    with pytest.raises(UserError, match=said):
        with_model("tiny", **size)


def test_a_size_that_is_that_of_the_images_may_be_written(with_model, tmp_path):
    run(with_model("tiny", "trainer.max_epochs=1", num_classes=10, image_size=[8, 8], in_channels=1), tmp_path)


def test_a_square_may_be_written_by_its_side():
    spec = make_spec({"name": "digits"})
    refuse_other_sizes({"image_size": 8}, spec)
    with pytest.raises(UserError, match=r"model.image_size=9 with data=digits"):
        refuse_other_sizes({"image_size": 9}, spec)


def test_a_learner_that_fails_to_be_made_is_named(with_model, tmp_path, monkeypatch):
    def broken(self, *_, **__):
        raise TypeError("of its own")

    monkeypatch.setattr(Calm, "__init__", broken)
    with pytest.raises(UserError, match=r"model._target_=outsider.learners.Calm: of its own"):
        run(with_model("calm"), tmp_path)


def node(name, **options):
    return {"_target_": f"{__name__}.{name}", "name": "mine", **options}
