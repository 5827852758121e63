"""Code of one's own that was edited since a checkpoint was made is told of: what follows is of another program."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from omegaconf import open_dict
from PIL import Image

from groundup.config.check import check
from groundup.run.evaluate import evaluate
from groundup.run.predict import predict
from groundup.run.run import run

NETWORK = """
from torch import nn


class Net(nn.Sequential):
    def __init__(self, num_classes: int):
        super().__init__(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, num_classes))
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    root = tmp_path / "edited_package"
    root.mkdir()
    (root / "__init__.py").touch()
    (root / "networks.py").write_text(NETWORK)
    monkeypatch.syspath_prepend(tmp_path)
    yield root
    for name in [name for name in sys.modules if name.partition(".")[0] == root.name]:
        del sys.modules[name]


def make(compose_config, *words):
    cfg = compose_config("debug=fast", "trainer.accelerator=cpu", *words)
    with open_dict(cfg):
        cfg.model = {"_target_": "edited_package.networks.Net", "name": "net"}
    return check(cfg)


def test_edited_code_is_told_of_by_resume_evaluate_and_predict(package, compose_config, tmp_path, caplog):
    run_dir, image = tmp_path / "run", tmp_path / "image.png"
    Image.new("L", (8, 8), 128).save(image)
    run(make(compose_config), run_dir)

    def all_of_them(name):
        caplog.clear()
        evaluate(run_dir, accelerator="cpu", trust=["edited_package"])
        list(predict(run_dir, image, trust=["edited_package"]))
        copy = Path(shutil.copytree(run_dir, tmp_path / name))
        run(make(compose_config, "trainer.max_epochs=2"), copy, resume=copy / "checkpoints" / "last.ckpt")
        return [record.getMessage() for record in caplog.records if "edited since" in record.getMessage()]

    assert all_of_them("same") == []  # the control: as it was
    (package / "unused.py").write_text("")
    (package / "networks.py").write_text(NETWORK.replace("ReLU", "Tanh"))
    told = all_of_them("edited")
    assert len(told) == 3
    assert all(text.startswith("edited_package.networks: edited since ") for text in told)
