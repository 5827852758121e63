"""What a config says of pretrained weights, checked before anything is trained; what they want of images."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from groundup.config import extras
from groundup.config.backbones import settle_backbone
from groundup.config.check import check
from groundup.config.trust import refuse_foreign_targets
from groundup.errors import UserError

pytest.importorskip("timm")

TIMM = ("model=timm", "model.arch=resnet18")
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def shown(config):
    return [config["data"][key] for key in ("image_size", "mean", "std")]


def test_weights_decide_how_images_are_shown_unless_the_config_does(compose_config):
    def data(*words):
        return shown(check(compose_config(*TIMM, "data.limit_train=100", "data.limit_test=100", *words)))

    assert data() == [32, None, None]  # of digits, enlarged for the network; normalised by their own means
    assert data("model.weights=default") == [224, [0.449], [0.226]]
    assert data("model.weights=default", "data=cifar10") == [224, *IMAGENET]
    told = ("data.image_size=64", "data.mean=[0.5,0.4,0.3]")
    assert data("model.weights=default", "data=cifar10", *told) == [64, [0.5, 0.4, 0.3], IMAGENET[1]]
    assert data("model.weights=default", "model.arch=vit_tiny_patch16_224", "data=cifar10")[1] == [0.5] * 3


def test_photos_are_read_in_the_size_of_the_weights(compose_config, tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "train" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "train" / name / "1.png")
    folder = ("data=image_folder", f"data.root={tmp_path}")
    assert shown(check(compose_config("model=cnn", *folder))) == [32, "auto", "auto"]
    assert shown(check(compose_config(*TIMM, "model.weights=default", *folder))) == [224, *IMAGENET]
    assert shown(check(compose_config(*TIMM, "model.weights=default", *folder, "data.image_size=96"))) == [
        96,
        *IMAGENET,
    ]


def test_statistics_that_are_none_are_refused(compose_config):
    for word, said in {
        "data.mean=[0.5]": r"data.mean=\[0.5\]: accepted: a list of 3 \(data.channels\) numbers, auto, or null",
        "data.mean=[125,123,114]": r"data.mean=.*: pixels are scaled to 0..1; divide by 255",
        "data.std=[0.2,0.2,0]": r"data.std=.*: must be .* greater than 0",
    }.items():
        with pytest.raises(UserError, match=said):
            check(compose_config("data=cifar10", word))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["model.arch=resnet81"], r"^model.arch=resnet81: timm has no such network; did you mean resnet\d+\?"),
        (["model.arch=hf-hub:somebody/net"], r"^model.arch=hf-hub:somebody/net: timm has no such network"),
        (["model=torchvision", "model.arch=raft_large"], "torchvision has no such network"),
        (["model.weights=/no/such.pth"], r"^model.weights=/no/such.pth: no such file; accepted: default, null, or a"),
        (["model.freeze=backbone"], "^model.freeze=backbone with model.weights=null: what is frozen would stay as it"),
        (["model.freeze=all"], "model.freeze=all: must be 'none' or 'backbone' or"),
        (["model.freeze=0"], "model.freeze=0: .* greater than or equal to 1"),
        (["model.backbone_rate=2"], "model.backbone_rate=2: .* less than or equal to 1"),
    ],
)
def test_what_cannot_be_is_refused_before_training(compose_config, words, said):
    with pytest.raises(UserError, match=said):
        check(compose_config(*TIMM, *words))


def test_a_run_that_goes_on_asks_for_no_file_of_weights(compose_config):
    words = (*TIMM, "model.weights=/gone.pth", "model.freeze=backbone")
    config = check(compose_config(*words, "resume=/some/run"))
    assert config["data"]["image_size"] == 224


def test_weights_and_another_run_to_begin_with_are_one_too_many(compose_config, tmp_path):
    torch.save({"x": torch.ones(1)}, tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"model.weights=default with init_from=.*w.pth: both say what training begins"):
        check(compose_config(*TIMM, "model.weights=default", f"init_from={tmp_path / 'w.pth'}"))


def test_other_models_are_left_alone(compose_config):
    config = check(compose_config("model=mlp"))
    before = dict(config["data"])
    settle_backbone(config)
    assert config["data"] == before


@pytest.mark.parametrize(("model", "extra"), [("timm", "timm"), ("torchvision", "vision")])
def test_a_library_that_is_missing_is_named_with_its_extra(compose_config, monkeypatch, model, extra):
    monkeypatch.setattr(extras, "find_spec", {model: None}.get)
    with pytest.raises(UserError, match=rf'^model={model}: needs {model}, .*: pip install "groundup\[{extra}\]"$'):
        check(compose_config(f"model={model}"))


def test_a_strangers_sweep_names_no_weights_to_train_with():
    node = {"_target_": "groundup.models.timm_network.TimmNetwork", "name": "timm", "arch": "resnet18"}
    refuse_foreign_targets({"model": {**node, "weights": None}})
    for weights in ("default", "/home/me/secret.pth"):
        with pytest.raises(UserError, match=f"model.weights={weights}: refused in the config of a run"):
            refuse_foreign_targets({"model": {**node, "weights": weights}})


def test_a_network_that_cannot_be_used_is_told_from_one_that_is_not_there(compose_config):
    pytest.importorskip("torchvision")
    for arch, said in (("googlenet", "has it, and it cannot be used.*model=timm"), ("no_such", "has no such network")):
        with pytest.raises(UserError, match=rf"model.arch={arch}: torchvision {said}"):
            check(compose_config("model=torchvision", f"model.arch={arch}", "data.image_size=32"))
