"""Every option that ships becomes the parts of a run, and they work together."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from groundup.callbacks.early_stop import EarlyStopHolds
from groundup.callbacks.interrupt import StopOnSignal
from groundup.config.check import check
from groundup.learning.continued import Continued
from groundup.run.parts import assemble
from groundup.run.quiet import quiet
from groundup.run.run import run

CONF = Path(__file__).parents[2] / "conf"
OF_EVERY_RUN = (StopOnSignal, EarlyStopHolds, Continued)  # that no config names
ENTRIES = ("train", "evaluate", "predict", "export")


def options(*groups):
    files = [(group, file) for group in groups for file in sorted((CONF / group).rglob("[!_]*.yaml"))]
    return [f"{group}={file.relative_to(CONF / group).with_suffix('')}" for group, file in files]


PARTS = [
    option
    for option in options("data", "model", "loss", "optimizer", "scheduler", "trainer", "callbacks", "logger")
    if option != "data=base"
]
EXPERIMENTS = options("experiment")
RECIPES = [*EXPERIMENTS, *options("debug")]


@pytest.fixture
def folder(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "images" / "train" / name).mkdir(parents=True)
        for grey in range(5):  # of which one is validated on
            Image.new("RGB", (8, 8), (grey,) * 3).save(tmp_path / "images" / "train" / name / f"{grey}.png")
    np.savez(
        tmp_path / "images" / "all.npz", x=np.arange(8 * 64, dtype=np.float32).reshape(8, 8, 8) / 511, y=[0, 1] * 4
    )
    return tmp_path / "images"


@pytest.mark.parametrize("option", [*PARTS, *RECIPES])
def test_every_shipped_option_becomes_a_run_that_could_learn(compose_config, folder, tmp_path, monkeypatch, option):
    if option in ("logger=wandb", "logger=mlflow"):
        pytest.importorskip(option.partition("=")[2])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    own = {"data=image_folder": [f"data.root={folder}"], "data=arrays": [f"data.file={folder / 'all.npz'}"]}
    extra = own.get(option, [])
    config = check(compose_config(option, *extra))
    assert config["seed"] == 0
    config["trainer"]["accelerator"] = "cpu"
    with quiet():
        parts = assemble(config, tmp_path, StopOnSignal())
    spec, learner = parts.spec, parts.learner
    images = torch.rand(2, spec.channels, *spec.image_size)
    loss = learner.loss(learner(images), torch.tensor([0, 1]))
    loss.backward()
    assert torch.isfinite(loss)
    rate = learner.configure_optimizers().param_groups[0]["lr"]
    if config["optimizer"]["name"] != "decoupled_sgd":  # whose rate is in units of its own
        assert rate == config["optimizer"]["lr"]
    factors = [learner.lr_schedule(step, 1000, 100) for step in range(1000)]
    assert all(0 <= factor <= 1 + 1e-9 for factor in factors)
    assert math.isclose(max(factors), 1, abs_tol=1e-2)
    named = [callback for callback in parts.trainer.callbacks if not isinstance(callback, OF_EVERY_RUN)]
    assert len(named) == len([node for node in config["callbacks"].values() if node is not None])


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_config_begins_with_its_command(entry):
    assert (CONF / f"{entry}.yaml").read_text().startswith(f"# python {entry}.py")


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_says_its_command_and_an_experiment_its_result(recipe):
    group, _, name = recipe.partition("=")
    package, *rest = (CONF / group / f"{name}.yaml").read_text().splitlines()
    header = [line for line in rest if line.startswith("#")]
    assert package == "# @package _global_"
    assert any(line.startswith("#   python train.py ") and f"{group}={name}" in line for line in header)
    if group == "experiment":
        assert any(line.startswith("# Expected result: ") for line in header)


@pytest.mark.parametrize("recipe", [recipe for recipe in EXPERIMENTS if recipe.startswith("experiment=noprop/")])
def test_recipes_of_the_paper_on_noprop_train_on_all_images_as_they_are(compose_config, recipe):
    data = check(compose_config(recipe))["data"]
    assert (data["augment"], data["val_fraction"]) == ([], 0)


THE_PAPERS = {  # of table 1 of Li, Teh and Pascanu 2025: optimizer, and epochs on each data set
    "dt": ("adamw", {"mnist": 100, "cifar10": 150, "cifar100": 150}),
    "backprop": ("adamw", {"mnist": 100, "cifar10": 150, "cifar100": 150}),
    "ct": ("adam", {"mnist": 100, "cifar10": 500, "cifar100": 1000}),
    "fm": ("adam", {"mnist": 100, "cifar10": 500, "cifar100": 1000}),
    "adjoint": ("adamw", {"mnist": 2, "cifar10": 4, "cifar100": 4}),
}


@pytest.mark.parametrize("data", ["mnist", "cifar10", "cifar100"])
@pytest.mark.parametrize("model", THE_PAPERS)
def test_a_recipe_of_the_paper_has_the_settings_of_its_row(compose_config, model, data):
    cfg = compose_config(f"experiment=noprop/{data}_{model}")
    optimizer, epochs = THE_PAPERS[model]
    assert (cfg.data.name, cfg.model.name, cfg.optimizer.name) == (data, f"noprop_{model}", optimizer)
    assert (cfg.trainer.max_epochs, cfg.scheduler.name) == (epochs[data], "constant")
    assert (cfg.optimizer.lr, cfg.optimizer.weight_decay) == (1e-3, 1e-3)


def test_a_row_of_the_paper_is_its_recipe_with_groups(compose_config):
    groups = ("data=cifar10", "model=noprop_ct", "optimizer=adam")
    asked = compose_config("experiment=noprop", *groups, "trainer.max_epochs=500")
    assert asked == compose_config("experiment=noprop/cifar10_ct")
    assert asked != compose_config("experiment=noprop", *groups)


@pytest.mark.slow
@pytest.mark.parametrize("model", options("model"))
def test_every_model_trains_on_digits(compose_config, tmp_path, model):
    config = check(compose_config(model, "debug=fast", "trainer.accelerator=cpu"))
    results = run(config, tmp_path)
    assert results["status"] == "finished"
    passes = config["model"]["blocks"] if model == "model=noprop_dt" else 1  # one for each block
    assert results["steps"] == passes * math.ceil(512 * 0.9 / 64)


def test_a_net_can_learn_a_hundred_images_by_heart(compose_config, tmp_path):
    config = check(compose_config("model=mlp", "debug=overfit", "trainer.accelerator=cpu"))
    assert run(config, tmp_path / "enough")["train/acc"] >= 0.99
    config["trainer"]["max_epochs"] = 1  # the control: it does take learning
    assert run(config, tmp_path / "too little")["train/acc"] < 0.9


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_trains_on_its_own_data(compose_config, tmp_path, experiment):
    root = os.environ.get("GROUNDUP_REAL_DATA")
    if root is None:
        pytest.skip("GROUNDUP_REAL_DATA is not set")
    config = check(compose_config(experiment, "debug=fast", f"data.root={root}", "trainer.accelerator=cpu"))
    if config["data"]["name"] == "cifar100" and not (Path(root) / "cifar-100-python").is_dir():
        pytest.skip("CIFAR-100 is not in GROUNDUP_REAL_DATA")
    results = run(config, tmp_path)
    assert results["status"] == "finished"
    assert 0 < results["test/acc"] <= 1
