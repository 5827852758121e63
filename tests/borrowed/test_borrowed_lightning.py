"""What is borrowed from Lightning is there and does what it is borrowed for."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from datetime import timedelta
from fnmatch import fnmatch

import pytest
import torch
from lightning.fabric.strategies.launchers import subprocess_script
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.demos.boring_classes import BoringModel, RandomDataset
from torch.utils.data import DataLoader

from groundup.borrowed import lightning as borrowed

QUIET = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}


class Fit(borrowed.FitLoop):
    asked = False

    def counts_in_steps(self):
        self.asked = True
        return super().counts_in_steps()


class Batches(borrowed.TrainingEpochLoop):
    def __init__(self, trainer):
        super().__init__(trainer)
        self.answers = []

    def should_validate(self, data_fetcher):
        self.answers.append(super().should_validate(data_fetcher))
        return self.answers[-1]


class Notes(Callback):
    """What was true after each batch of training, and in the validation."""

    def __init__(self):
        self.accumulates, self.trained, self.fetched = [], [], []

    def on_train_batch_end(self, trainer, *_):
        self.accumulates.append(borrowed.accumulates(trainer))
        self.trained.append(borrowed.is_epoch_trained(trainer))
        self.fetched.append(borrowed.fetcher_of(trainer).fetched)

    def on_validation_end(self, trainer, pl_module):
        loop = trainer.fit_loop.epoch_loop
        self.stepped = loop._batches_that_stepped
        self.saved = loop.on_save_checkpoint()["_batches_that_stepped"]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A training of five batches, two a step, in loops of ours."""
    notes = Notes()
    trainer = Trainer(
        **QUIET,
        max_epochs=1,
        accumulate_grad_batches=2,
        num_sanity_val_steps=0,
        limit_val_batches=1,
        callbacks=[notes],
        enable_checkpointing=False,
        default_root_dir=tmp_path_factory.mktemp("fitted"),
    )
    trainer.fit_loop = Fit(trainer, max_epochs=1)
    trainer.fit_loop.epoch_loop = Batches(trainer)
    batches = DataLoader(RandomDataset(32, 5))
    trainer.fit(BoringModel(), batches, batches)
    return trainer, notes


def test_a_batch_that_takes_no_step_accumulates(fitted):
    assert fitted[1].accumulates == [True, False, True, False, False]  # the last of an epoch steps alone


def test_an_epoch_is_trained_after_its_last_batch(fitted):
    assert fitted[1].trained == [False] * 4 + [True]


def test_the_fetcher_is_there_while_it_trains(fitted):
    trainer, notes = fitted
    assert [number >= batch for batch, number in enumerate(notes.fetched, 1)] == [True] * 5
    assert borrowed.fetcher_of(trainer) is None


def test_lightning_asks_our_loops(fitted):
    trainer, _ = fitted
    assert trainer.fit_loop.asked
    assert trainer.fit_loop.epoch_loop.answers == [False] * 4 + [True]
    assert not trainer.fit_loop.counts_in_steps()
    assert borrowed.FitLoop(Trainer(**QUIET, max_steps=3)).counts_in_steps()


def test_in_a_validation_one_more_batch_that_stepped_is_saved(fitted):
    _, notes = fitted
    assert notes.saved == notes.stepped + 1 == 3  # five batches, two a step


def test_after_it_that_batch_is_counted(fitted):
    loop = fitted[0].fit_loop.epoch_loop
    assert loop.on_save_checkpoint()["_batches_that_stepped"] == 3


def test_training_may_stop_early_when_it_was_as_long_as_asked():
    assert borrowed.may_stop_early(Trainer(**QUIET, max_epochs=2))
    assert not borrowed.may_stop_early(Trainer(**QUIET, max_epochs=2, min_epochs=1))


def test_batches_that_stepped_are_what_a_checkpoint_saves():
    trainer = Trainer(**QUIET)
    borrowed.set_batches_that_stepped(trainer, 12)
    assert trainer.fit_loop.epoch_loop.on_save_checkpoint()["_batches_that_stepped"] == 12


class Remembers(Callback):
    def on_load_checkpoint(self, trainer, pl_module, checkpoint):
        self.step = checkpoint["global_step"]

    def load_state_dict(self, state_dict):
        self.state = state_dict


def test_callbacks_get_what_a_checkpoint_holds_of_them():
    callback = Remembers()
    trainer = Trainer(**QUIET, callbacks=[callback])
    checkpoint = {"global_step": 3, "pytorch-lightning_version": "2.6.4", "callbacks": {callback.state_key: {"n": 1}}}
    borrowed.load_callbacks(trainer, checkpoint)
    assert (callback.step, callback.state) == (3, {"n": 1})


def test_what_a_trainer_and_a_checkpoint_were_given_is_told():
    assert borrowed.detects_anomalies(Trainer(**QUIET, detect_anomaly=True)) is True
    assert borrowed.detects_anomalies(Trainer(**QUIET)) is False
    assert borrowed.train_time_interval(ModelCheckpoint(train_time_interval=timedelta(minutes=5))).seconds == 300
    assert borrowed.train_time_interval(ModelCheckpoint()) is None


def test_processes_that_train_along_are_lightnings_own_list(monkeypatch):
    assert borrowed.started_processes(Trainer(**QUIET)) == []
    trainer = Trainer(**QUIET, strategy="ddp", devices=2)
    launcher = trainer.strategy.launcher
    started = subprocess.Popen([sys.executable, "-c", ""])
    launcher.procs.append(started)
    found = borrowed.started_processes(trainer)
    assert found == [started]
    found.clear()
    assert launcher.procs == []
    started.wait()


def test_a_helper_logs_where_we_look_for_it():
    [name] = [
        word.partition("=")[2].partition("{")[0]
        for word in inspect.getsource(subprocess_script).replace('"', " ").split()
        if word.startswith("hydra.job.name=")
    ]
    assert fnmatch(f"{name}1.log", borrowed.HELPERS_LOGS)


@pytest.mark.parametrize(
    ("module", "log"),
    [
        ("lightning.pytorch.callbacks.early_stopping", borrowed.CALLBACKS_LOG),
        ("lightning.pytorch.profilers.profiler", borrowed.PROFILERS_LOG),
        ("lightning.pytorch.trainer.trainer", borrowed.LOGS[0]),
        ("lightning.fabric.utilities.distributed", borrowed.LOGS[1]),
    ],
)
def test_a_part_of_lightning_speaks_through_its_log(module, log):
    name = importlib.import_module(module).log.name
    assert name == log or name.startswith(f"{log}.")


def test_all_parts_speak_through_one_log(caplog):
    from lightning.pytorch.utilities.rank_zero import rank_zero_info

    with caplog.at_level("INFO", borrowed.RANK_ZERO_LOG):
        rank_zero_info("said")
    assert [record.name for record in caplog.records] == [borrowed.RANK_ZERO_LOG]


def test_a_running_mean_is_a_module_of_its_own_from_the_begin_of_training_on():
    callback, module = EMAWeightAveraging(decay=0.5), BoringModel()
    assert borrowed.averaged(callback) is None
    before = module.layer.weight.detach().clone()
    Trainer(**QUIET, max_steps=1, enable_checkpointing=False, callbacks=[callback]).fit(module)
    mean = borrowed.averaged(callback)
    assert isinstance(mean, BoringModel)
    assert not torch.equal(mean.layer.weight, before)
