"""Configs that were frozen, and the loader that gives them to launchers."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from groundup.command.resolvers import register_resolvers
from groundup.config.check import check
from groundup.rundir.jobs import CheckedJob, FrozenJob, read_jobs, write_jobs
from groundup.sweep.frozen import FrozenLoader, launch_words
from groundup.sweep.job import devices, duration

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def master():
    register_resolvers(PROJECT)
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        return loader, loader.load_configuration("train", [], RunMode.MULTIRUN)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["model=lenet"],  # enlarges digits
        ["optimizer.momentum=0"],
        ["data.augment=flip"],
        ["data.augment=none"],
        ["data.augment=[crop,flip]", "data=cifar10", "data.mirror=somewhere"],
        ["model=numpy_lenet", "experiment=mnist_lenet"],
        ["trainer.devices=auto"],
        ["+trainer.limit_train_batches=2", "data.root=x"],
    ],
)
def test_checking_twice_changes_nothing(compose_config, words):
    once = check(compose_config(*words))
    assert check(OmegaConf.create(once)) == once


def test_a_frozen_config_is_given_with_the_commands_hydra_node(master, tmp_path, compose_config):
    loader, command = master
    config = check(compose_config("model=mlp"))
    write_jobs(
        tmp_path, [FrozenJob(number, ["model=mlp", f"seed={number}"], config | {"seed": number}) for number in (0, 1)]
    )
    frozen = pickle.loads(pickle.dumps(FrozenLoader(tmp_path, loader)))
    job = read_jobs(tmp_path)[1]
    cfg = frozen.load_sweep_config(command, launch_words(job))
    assert cfg.hydra.overrides.task == ["model=mlp", "seed=1"]
    assert (cfg.hydra.sweep.subdir, cfg.hydra.job.num) == ("1", 1)
    assert cfg.hydra.job_logging.handlers.console.level == "WARNING"
    assert "level" not in command.hydra.job_logging.handlers.console
    del cfg.hydra.job_logging  # asks for an output directory
    assert {key: value for key, value in OmegaConf.to_container(cfg).items() if key != "hydra"} == config | {"seed": 1}


@pytest.mark.parametrize(("kind", "expected"), [(CheckedJob, True), (FrozenJob, False)])
def test_a_job_is_told_whether_the_process_of_the_sweep_has_checked_it(kind, expected, master, tmp_path):
    loader, command = master
    job = kind(0, ["seed=1", "hydra.sweep.checked=true"], {"seed": 1})  # a stranger's word, which is refused before
    write_jobs(tmp_path, [job])
    assert set(json.loads((tmp_path / "jobs.jsonl").read_text())) == {"number", "overrides", "config", "folder", "of"}
    cfg = pickle.loads(pickle.dumps(FrozenLoader(tmp_path, loader))).load_sweep_config(command, launch_words(job))
    assert cfg.hydra.sweep.checked is expected


def test_ten_thousand_jobs_are_cheap(master, tmp_path, compose_config):
    loader, command = master
    config = check(compose_config())
    jobs = [FrozenJob(number, [f"seed={number}"], config | {"seed": number}) for number in range(10_000)]
    write_jobs(tmp_path, jobs)
    frozen = FrozenLoader(tmp_path, loader)
    frozen.load_sweep_config(command, launch_words(jobs[0]))
    assert len(pickle.dumps(frozen)) < 20_000
    start = time.process_time()
    for number in (9_999, 5_000, 1):
        assert frozen.load_sweep_config(command, launch_words(jobs[number])).seed == number
    assert time.process_time() - start < 1.5


def cfg(**trainer) -> DictConfig:
    return OmegaConf.create({"trainer": {"devices": 1, "accelerator": "auto"} | trainer, "model": {"_target_": "x"}})


@pytest.mark.parametrize(
    ("trainer", "gpus", "expected"),
    [
        ({}, 4, [2]),
        ({"devices": "auto"}, 4, [2]),
        ({"accelerator": "cuda"}, 8, [6]),
        ({}, 1, [0]),
        ({}, 0, 1),
        ({"devices": "auto"}, 0, "auto"),
        ({"devices": [3]}, 4, [3]),
        ({"accelerator": "cpu"}, 4, 1),
    ],
)
def test_job_k_gets_gpu_k_mod_n(monkeypatch, trainer, gpus, expected):
    monkeypatch.setattr("groundup.sweep.job.count_gpus", lambda: gpus)
    assert devices(cfg(**trainer), 6) == expected


def test_a_network_computed_in_numpy_gets_no_gpu(monkeypatch):
    monkeypatch.setattr("groundup.sweep.job.count_gpus", lambda: 4)
    config = cfg()
    config.model._target_ = "groundup.numpy_nets.models.mlp"
    assert devices(config, 6) == 1


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 0 s"), (100, "1 min 40 s"), (7500, "2 h 5 min")],
)
def test_durations_are_short(seconds, words):
    assert duration(seconds) == words
