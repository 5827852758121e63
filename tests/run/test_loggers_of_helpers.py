"""In the helpers of a run on several devices no logger is made, and all processes agree on what is drawn."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from lightning.pytorch.loggers import CSVLogger

from groundup.callbacks.watcher import anything, is_tensorboard, is_watched
from groundup.loggers.helper import InHelper
from groundup.run.loggers import Loggers

PLACES = "lightning.pytorch.loggers"


class Album(CSVLogger):
    """A logger of somebody's own that takes pictures."""

    def log_image(self, key, images, step=None):
        raise AssertionError("a helper writes nothing")


NODES = {
    "groundup.loggers.tensorboard.TensorBoard": True,
    f"{PLACES}.CSVLogger": False,
    f"{__name__}.Album": True,
}


def loggers(target, run_dir):
    config = {"logger": {"it": {"_target_": target}, "none": None}}
    return Loggers(config, run_dir, first_step=0, goes_on=False).of_trainer()


@pytest.mark.parametrize(("target", "pictures"), NODES.items())
def test_processes_agree_on_what_is_drawn_and_a_helper_writes_nothing(target, pictures, tmp_path, monkeypatch):
    [first] = loggers(target, tmp_path / "run")
    monkeypatch.setenv("LOCAL_RANK", "1")
    [helpers] = loggers(target, tmp_path / "run")
    for kind in (None, anything, is_tensorboard):
        by = [is_watched(SimpleNamespace(loggers=[logger]), *[kind] * bool(kind)) for logger in (first, helpers)]
        assert by[0] == by[1]
    assert is_watched(SimpleNamespace(loggers=[helpers])) == pictures
    if isinstance(helpers, InHelper):
        helpers.log_image(key="x", images=[], step=0)
        helpers.log_metrics({"x": 1.0}, step=0)
        helpers.finalize("success")
    assert not (tmp_path / "run").exists()
