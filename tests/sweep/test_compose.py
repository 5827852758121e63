"""Composing many jobs gives what Hydra composes of each."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf

from groundup.command.resolvers import register_resolvers
from groundup.sweep.compose import Composer

PROJECT = Path(__file__).parents[2]
JOBS = [
    ["seed=1", "optimizer.lr=1e-3"],
    ["seed=2", "optimizer.lr=0.1"],  # of the same files, after another value
    ["model=mlp", "model.hidden_dims=[8]", "+trainer.max_steps=1"],
    ["model.width=4", "model=cnn", "++model.extra=1"],
    ["experiment=mnist_mlp", "seed=3"],
    ["experiment=mnist_mlp", "model=lenet", "model.pool=avg"],
    ["callbacks=early_stopping", "~callbacks.progress", "seed=4"],
    ["+logger@second=none", "seed=5"],
    ["data.root=${oc.env:HOME}/x", "data.image_size=${seed}"],
    ["+new={a:1,b:[2]}", "trainer.precision='32-true'"],
    ["seed=1", "optimizer.lr=1e-3"],  # again, after all the others
]


@pytest.fixture
def command():
    register_resolvers(PROJECT)
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        return loader, loader.load_configuration("train", [], RunMode.MULTIRUN)


def test_the_same_configs_as_hydra_composes(command):
    loader, master = command
    composer = Composer(loader, master)
    for overrides in JOBS:
        whole = OmegaConf.to_container(loader.load_sweep_config(master, overrides))
        del whole["hydra"]
        cfg = composer.compose(overrides)
        assert OmegaConf.to_container(cfg) == whole
        assert OmegaConf.is_struct(cfg)


def test_files_are_composed_once_for_each_choice_of_groups(command, monkeypatch):
    loader, master = command
    composed, load = [], type(loader).load_sweep_config
    monkeypatch.setattr(type(loader), "load_sweep_config", lambda *words: composed.append(words[2]) or load(*words))
    composer = Composer(loader, master)
    for number in range(5):
        for model in ("mlp", "lenet"):
            composer.compose([f"model={model}", f"seed={number}"])
    assert composed == [["model=mlp"], ["model=lenet"]]


@pytest.mark.parametrize("overrides", [["modle=cnn"], ["model=nosuch"], ["model.depth=3"], ["+seed=3"], ["a.b=["]])
def test_errors_are_hydras_own(command, overrides):
    loader, master = command
    with pytest.raises(HydraException) as expected:
        loader.load_sweep_config(master, overrides)
    with pytest.raises(HydraException) as found:
        Composer(loader, master).compose(["seed=1", *overrides])
    assert type(found.value) is type(expected.value)
    assert str(found.value) == str(expected.value)
