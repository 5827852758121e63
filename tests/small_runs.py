"""Small runs in this process: what is done to them, and what is read of them."""

from __future__ import annotations

import os
import signal

import torch
from lightning.pytorch import Callback

from groundup.learning.checkpoint import load_checkpoint

SMALL = ("model=mlp", "model.hidden_dims=[16]", "trainer.max_epochs=2", "trainer.accelerator=cpu")


def weights(run_dir, name="last"):
    return load_checkpoint(run_dir / "checkpoints" / f"{name}.ckpt")["state_dict"]


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


class SignalAt(Callback):
    """Sends this process a signal at the start of a step."""

    def __init__(self, step: int, signum: int = signal.SIGINT):
        self.step, self.signum = step, signum

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == self.step:
            os.kill(os.getpid(), self.signum)


class ExitAt(Callback):
    """Ends the process at a step, as what a cluster's launcher does when the machine is taken back."""

    def __init__(self, step: int):
        self.step = step

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == self.step:
            raise SystemExit(122)


class Break(Callback):
    """Raises at a step, as a crash would."""

    def __init__(self, step: int):
        self.step = step

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == self.step:
            raise RuntimeError("a crash")


def with_callback(config, callback, **options):
    node = {"_target_": f"{__name__}.{callback}", **options}
    return config | {"callbacks": {**config["callbacks"], "extra": node}}


def hparams(run_dir):
    """The parameters and metric names of the HPARAMS tab, read from the event files."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    events = EventAccumulator(str(run_dir)).Reload()
    plugin = events.summary_metadata
    start = HParamsPluginData.FromString(plugin["_hparams_/session_start_info"].plugin_data.content)
    experiment = HParamsPluginData.FromString(plugin["_hparams_/experiment"].plugin_data.content)
    names = [info.name.tag for info in experiment.experiment.metric_infos]
    return start.session_start_info.hparams, {name: events.Scalars(name)[-1].value for name in names}
