"""The commands as functions: the figures of the command, its messages, and a process left as it was."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir, version
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf
from small_runs import SMALL, equal, weights

import groundup
from groundup import UserError

PROJECT = Path(__file__).parents[2]
FIGURES = ("test/acc", "test/loss", "val/acc", "val/loss", "train/loss", "best_epoch", "steps")


def figures(results):
    return {name: results[name] for name in FIGURES}


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, groundup; groundup.UserError; print(sorted({'torch', 'hydra', 'numpy'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
    assert set(groundup.__all__) <= set(dir(groundup))
    with pytest.raises(AttributeError, match="has no attribute 'nosuch'"):
        groundup.nosuch  # noqa: B018


def test_a_config_is_that_of_the_command(make_config):
    assert groundup.compose(*SMALL, "model.dropout=0.1") == make_config("model.dropout=0.1")


def test_what_the_command_refuses_is_refused(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(PROJECT / "tests" / "outside"))
    with pytest.raises(UserError, match=r"optimizer\.lr=0\.1 with model=usual_module: this model is a LightningModule"):
        groundup.compose("model=usual_module", "optimizer.lr=0.1", config_dir=PROJECT / "tests" / "outside" / "conf")
    with pytest.raises(UserError, match="accepted: strings, one for each setting"):
        groundup.compose(["model=mlp"])
    for call, said in (
        (lambda: groundup.predict(tmp_path, tmp_path, top=0), "top=0: must be greater than or equal to 1"),
        (lambda: groundup.predict(tmp_path, tmp_path, prepare="emnist"), "prepare=emnist: must be 'mnist'"),
        (lambda: groundup.predict(tmp_path, tmp_path, invert="no"), "invert=no: must be "),
        (lambda: groundup.predict(tmp_path, split="tests"), "split=tests: must be 'train', 'val' or 'test'"),
        (lambda: groundup.predict(tmp_path), "images=null: must be given"),
        (lambda: groundup.predict(tmp_path, tmp_path, split="val"), "images=.* with split=val: accepted: one of them"),
        (lambda: groundup.evaluate(tmp_path, draws=0), "draws=0: must be greater than or equal to 1"),
        (lambda: groundup.evaluate(tmp_path, accelerator="cud"), "accelerator=cud: must be "),
    ):
        with pytest.raises(UserError, match=said):
            call()


def test_a_run_is_that_of_the_command_to_the_last_bit_and_so_is_the_next(make_config, whole_run, tmp_path):
    from groundup.rundir.results import read_results

    run_dir = whole_run(make_config("model.dropout=0.1"))
    words = [*SMALL, "model.dropout=0.1"]
    by_words = groundup.train(words, run_dir=tmp_path / "words")
    by_config = groundup.train(groundup.compose(*words), run_dir=str(tmp_path / "config"))
    assert figures(by_words) == figures(by_config) == figures(read_results(run_dir))
    assert equal(weights(tmp_path / "words"), weights(run_dir))
    assert equal(weights(tmp_path / "config"), weights(run_dir))
    assert by_words["run_dir"] == tmp_path / "words"
    assert by_words["overrides"] == words
    assert "run directory" in (tmp_path / "words" / "train.log").read_text()
    other = groundup.train([*words, "seed=1"], run_dir=tmp_path / "other")
    assert figures(other) != figures(by_words)

    metrics = groundup.evaluate(tmp_path / "words", accelerator="cpu")
    assert (metrics["test/acc"], metrics["test/loss"]) == (by_words["test/acc"], by_words["test/loss"])


def test_a_config_that_was_changed_is_checked_again(tmp_path):
    config = groundup.compose(*SMALL)
    config["optimizer"]["lr"] = "abc"
    with pytest.raises(UserError, match=r"optimizer\.lr=abc: must be a number"):
        groundup.train(config, run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_several_processes_are_the_commands_alone(tmp_path):
    with pytest.raises(UserError, match=r"trainer\.devices=2 in a function call: accepted: 1"):
        groundup.train([*SMALL, "trainer.devices=2"], run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_predictions_are_those_of_the_run(make_config, whole_run, tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "black.png")
    [found] = groundup.predict(whole_run(make_config()), tmp_path / "black.png", top=3)
    assert len(found.classes) == 3
    assert sorted(found.probabilities, reverse=True) == list(found.probabilities)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["modle=cnn"], "there is no key 'modle'; did you mean model=cnn?"),
        (["model=resnet"], "did you mean model=resnet18?"),
        (["seed=1,2"], "seed=1,2: accepted: one value"),
        (["model.width=0"], "model.width=0: must be greater than or equal to 1"),
        (["model=lenet", "data.image_size=8"], "needs images of at least 12x12 pixels"),
        (["seed"], "did you mean seed=VALUE?"),
    ],
)
def test_a_bad_request_is_an_error_with_the_message_of_the_command(words, said):
    with pytest.raises(UserError) as error:
        groundup.compose(*words)
    assert said in str(error.value)


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="config_dir=nowhere: no such folder"):
        groundup.compose(config_dir="nowhere")
    with pytest.raises(UserError, match="nowhere"):
        groundup.evaluate(tmp_path / "nowhere")
    with pytest.raises(UserError, match="nowhere"):
        groundup.predict(tmp_path / "nowhere", tmp_path)


def test_a_folder_of_ones_own_comes_first_and_adds_to_the_groups(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(PROJECT / "tests" / "outside")
    config = groundup.compose("model=tiny", "model.width=4", config_dir=PROJECT / "tests" / "outside" / "conf")
    assert config["model"] == {"_target_": "outsider.networks.Tiny", "name": "tiny", "width": 4}
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mlp.yaml").write_text("_target_: outsider.networks.Tiny\nname: mine\n")
    (tmp_path / "mine.yaml").write_text("defaults: [train, override model: mlp, _self_]\nseed: 7\n")
    config = groundup.compose(config="mine", config_dir=tmp_path)
    assert (config["model"]["name"], config["seed"]) == ("mine", 7)


def test_another_program_of_hydras_is_left_as_it_was(tmp_path, make_config):
    (tmp_path / "theirs.yaml").write_text("size: ${options:3}\n")
    expected = make_config()  # registers ours
    OmegaConf.register_new_resolver("options", lambda number: number * 2, replace=True)
    before = version.getbase()
    try:
        with initialize_config_dir(str(tmp_path), version_base="1.2"):
            theirs = GlobalHydra.instance().hydra
            cfg = compose("theirs", return_hydra_config=True)
            HydraConfig.instance().cfg = OmegaConf.create({"hydra": {**cfg.hydra, "mode": "MULTIRUN"}})
            command = HydraConfig.instance().cfg
            assert groundup.compose(*SMALL) == expected
            assert GlobalHydra.instance().hydra is theirs
            assert HydraConfig.instance().cfg is command
            assert str(version.getbase()) == "1.2"
            assert cfg["size"] == 6
    finally:
        HydraConfig.instance().cfg = None
        OmegaConf.clear_resolver("options")
        version.setbase(str(before) if hasattr(before, "major") else "1.3")


def test_a_run_leaves_the_process_as_it_was(tmp_path):
    def state():
        return (
            random.getstate(),
            np.random.get_state()[1].tolist(),
            torch.get_rng_state().tolist(),
            torch.get_num_threads(),
        )

    before = state()
    groundup.train([*SMALL, "trainer.max_epochs=1"], run_dir=tmp_path / "run")
    assert state() == before


@pytest.mark.parametrize("call", [lambda: groundup.evaluate(None), lambda: groundup.predict("x", ["a.png"])])
def test_what_is_no_path_is_said_to_be_none(call):
    with pytest.raises(groundup.UserError, match=r"^(run=None|images=\['a.png'\]): must be a path"):
        call()


def test_composing_leaves_the_environment_as_it_was():
    before = dict(os.environ)
    groundup.compose("model=mlp")
    assert dict(os.environ) == before


def test_runs_of_several_threads_have_the_figures_that_each_has_alone(tmp_path):
    words = [[*SMALL, "trainer.max_epochs=1", "model.dropout=0.2", f"seed={seed}"] for seed in (0, 1)]
    alone = [groundup.train(each, run_dir=tmp_path / f"alone{n}") for n, each in enumerate(words)]
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(groundup.train, each, run_dir=tmp_path / f"beside{n}") for n, each in enumerate(words)]
    for first, job in zip(alone, jobs, strict=True):
        assert [first[key] for key in ("val/loss", "test/loss")] == [
            job.result()[key] for key in ("val/loss", "test/loss")
        ]


def test_a_run_in_a_thread_is_a_run(tmp_path):
    ended = []

    def learn():
        ended.append(groundup.train([*SMALL, "trainer.max_epochs=1"], run_dir=tmp_path / "run"))

    thread = threading.Thread(target=learn)
    thread.start()
    thread.join()
    assert ended[0]["status"] == "finished"
