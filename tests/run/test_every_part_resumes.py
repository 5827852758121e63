"""Every network, way of learning, optimizer and schedule that ships goes on to the same last bit."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from small_runs import equal, weights, with_callback

from groundup.errors import Interrupted
from groundup.run.run import run

CONF = Path(__file__).parents[2] / "conf"
SMALL = (
    "data.limit_train=50",
    "data.limit_test=10",
    "data.batch_size=15",
    "data.image_size=16",
    "trainer.max_epochs=2",
    "trainer.accelerator=cpu",
    "logger=none",
)
TINY = {  # which by themselves are for larger images, and have ten million weights
    "model=timm": ("model.arch=test_resnet", "data.image_size=32"),
    "model=torchvision": ("model.arch=squeezenet1_1", "data.image_size=32"),
}


def options(group: str) -> list[str]:
    return sorted(f"{group}={file.stem}" for file in (CONF / group).glob("*.yaml"))


@pytest.mark.parametrize("word", [word for group in ("model", "optimizer", "scheduler") for word in options(group)])
def test_a_stopped_run_of_it_goes_on_to_the_same_weights(make_config, tmp_path, word):
    model = () if word.startswith("model") else ("model=numpy_mlp",) if "numpy" in word else ("model=mlp",)
    config = make_config(word, *model, *TINY.get(word, ()), small=SMALL)
    if "inference_steps" in config["model"]:
        config["model"]["inference_steps"] = 3  # else most of the time is evaluation
    run(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=4, signum=int(signal.SIGTERM)), tmp_path / "parts")
    run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
