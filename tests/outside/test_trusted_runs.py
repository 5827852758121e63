"""A run of one's own parts is read by who trusts their package, and one's own command goes on with it as it is."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml
from omegaconf import open_dict
from outsider.losses import Focal
from PIL import Image
from small_runs import SMALL, with_callback

from groundup.config.check import check
from groundup.errors import Interrupted, UserError
from groundup.run.evaluate import evaluate
from groundup.run.predict import predict
from groundup.run.run import run

OWN = {
    "model": {"_target_": "outsider.networks.Tiny", "name": "tiny", "width": 4},
    "loss": {"_target_": "outsider.losses.Focal", "name": "focal", "gamma": 1.0},
    "optimizer": {"_target_": "outsider.optimizers.SignSGD", "_partial_": True, "name": "sign_sgd", "lr": 0.003},
}
DIARY = {"_target_": "outsider.callbacks.Diary", "every": 1}


@pytest.fixture(scope="module")
def make_own():
    """The checked config of a small run of somebody else's parts, of these groups; a diary is always kept."""
    from composed import compose

    def make(*groups, **changes):
        cfg = compose("train", SMALL)
        with open_dict(cfg):
            for group in groups:
                cfg[group] = OWN[group] | changes.get(group, {})
            cfg.callbacks.diary = DIARY
        return check(cfg)

    return make


@pytest.fixture(scope="module")
def own(make_own, tmp_path_factory):
    """The directory of a finished run, all of whose parts are somebody else's; to be read only."""
    run_dir = tmp_path_factory.mktemp("own") / "run"
    run(make_own(*OWN), run_dir)
    return run_dir


@pytest.fixture
def image(tmp_path):
    Image.new("L", (8, 8), 128).save(tmp_path / "image.png")
    return tmp_path / "image.png"


def test_a_run_of_own_parts_is_read_by_who_trusts_their_package(own, image, monkeypatch):
    said = r"^model\._target_=outsider\.networks\.Tiny: refused; .*if outsider is yours: trust=\[outsider\] or G"
    with pytest.raises(UserError, match=said):
        evaluate(own, accelerator="cpu")
    with pytest.raises(UserError, match=said):
        predict(own, image)
    results = json.loads((own / "results.json").read_text())
    metrics = evaluate(own, accelerator="cpu", trust=["outsider"])
    assert metrics["test/acc"] == results["test/acc"]
    assert metrics["test/loss"] == pytest.approx(results["test/loss"], rel=1e-6)
    assert len(list(predict(own, image, trust=["outsider"]))) == 1
    monkeypatch.setenv("GROUNDUP_TRUST", "outsider")
    assert evaluate(own, accelerator="cpu") == metrics


def test_the_directory_itself_has_no_say_in_whom_to_trust(own, tmp_path):
    assert "trust" not in yaml.safe_load((own / "config.yaml").read_text())
    run_dir = shutil.copytree(own, tmp_path / "run")
    file = run_dir / "config.yaml"
    file.write_text(f"trust: [outsider]\n{file.read_text()}")
    with pytest.raises(UserError, match="if outsider is yours"):
        evaluate(run_dir, accelerator="cpu")


def test_a_run_with_own_parts_to_train_alone_is_read_without_a_word(make_own, image, tmp_path):
    run_dir = tmp_path / "run"
    results = run(make_own("optimizer"), run_dir)
    assert "epoch 1" in (run_dir / "diary.txt").read_text()
    assert evaluate(run_dir, accelerator="cpu")["test/acc"] == results["test/acc"]
    assert len(list(predict(run_dir, image))) == 1


def test_ones_own_command_goes_on_with_its_run_and_trusts_nothing(make_own, tmp_path):
    """It builds what the command composes, and what it remembers is in checkpoints: the same to the last bit."""
    config = make_own(*OWN)
    whole = run(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=15), tmp_path / "cut")
    resumed = run(config, tmp_path / "cut", resume=tmp_path / "cut" / "checkpoints" / "last.ckpt")
    assert [resumed[key] for key in ("val/loss", "test/loss", "steps")] == [
        whole[key] for key in ("val/loss", "test/loss", "steps")
    ]


def test_a_constructor_that_raises_ends_the_command_before_training(make_own, tmp_path, monkeypatch):
    def broken(self, gamma=1.0):
        raise KeyError("gamma")

    config = make_own(*OWN)
    monkeypatch.setattr(Focal, "__init__", broken)
    with pytest.raises(UserError, match=r"^loss\._target_=outsider\.losses\.Focal: KeyError: 'gamma'.*; accepted: a"):
        run(config, tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_network_that_cannot_take_its_images_is_named_with_the_place(make_own, tmp_path):
    config = make_own("model", model={"width": -3})
    with pytest.raises(
        UserError, match=r"^model\._target_=outsider\.networks\.Tiny: RuntimeError: .*\(networks\.py, l"
    ):
        run(config, tmp_path / "run")
