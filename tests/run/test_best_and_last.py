"""`best.ckpt` and `last.ckpt` agree, or a run that goes on makes them, or says why it cannot."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import signal

import pytest
import torch
from small_runs import equal, weights, with_callback

from groundup import files
from groundup.callbacks import checkpoints
from groundup.errors import Interrupted, RunFailed, UserError
from groundup.learning.checkpoint import load_checkpoint
from groundup.run.evaluate import evaluate
from groundup.run.run import run

FIGURES = ("best_epoch", "epochs", "steps", "val/acc", "val/loss", "test/acc", "test/loss")


def folder(run_dir):
    return run_dir / "checkpoints"


def last(run_dir):
    return folder(run_dir) / "last.ckpt"


def best(run_dir):
    return folder(run_dir) / "best.ckpt"


def figures(results):
    return [results[name] for name in FIGURES]


def assert_same(first, second):
    for name in ("best", "last"):
        assert equal(weights(first, name), weights(second, name))
    one, other = (json.loads((run_dir / "results.json").read_text()) for run_dir in (first, second))
    assert one["status"] == other["status"] == "finished"
    assert figures(one) == figures(other)


def end_before_copy(monkeypatch, number, error):
    """The copy of last.ckpt to best.ckpt of this number raises in place of copying."""
    copy, count = checkpoints._copy, iter(range(1, 100))

    def maybe_copy(source, target):
        if next(count) == number:
            raise error
        copy(source, target)

    monkeypatch.setattr(checkpoints, "_copy", maybe_copy)


@pytest.mark.parametrize("max_epochs", [1, 3])
@pytest.mark.parametrize("error", [Interrupted(signal.SIGINT), OSError(28, "No space left on device")], ids=str)
def test_a_run_ended_between_last_and_best_goes_on_to_the_same_bits(
    make_config, whole_run, tmp_path, monkeypatch, error, max_epochs
):
    config = make_config(f"trainer.max_epochs={max_epochs}", "logger=none")
    whole = whole_run(config)
    with monkeypatch.context() as patched:
        end_before_copy(patched, max_epochs, error)
        with pytest.raises((Interrupted, RunFailed)):
            run(config, tmp_path / "parts")
    results = json.loads((tmp_path / "parts" / "results.json").read_text())
    if max_epochs == 1:
        assert results["best_epoch"] is None
    else:  # of what is there, not of what was about to be
        saved = load_checkpoint(best(tmp_path / "parts"))
        assert (results["best_epoch"], results["val/acc"]) == (saved["epoch"], pytest.approx(val_acc(saved)))
    run(config, tmp_path / "parts", resume=last(tmp_path / "parts"))
    assert_same(whole, tmp_path / "parts")


def val_acc(checkpoint):
    return checkpoint["callbacks"]["Checkpoints"]["metrics"]["val/acc"]


class SignalsWhileSaving(checkpoints.Checkpoints):
    """Ctrl-C twice, the second time when last.ckpt is written and best.ckpt is not."""

    @property
    def state_key(self):
        return "Checkpoints"

    def _save(self, trainer, choice):
        signal.raise_signal(signal.SIGINT)
        super()._save(trainer, choice)


def test_a_second_ctrl_c_between_last_and_best_is_resumed_to_the_same_bits(make_config, tmp_path, monkeypatch):
    monkeypatch.setattr("groundup.signals.ECHO", 0)
    config = make_config("trainer.max_epochs=2", "logger=none")
    run(config, tmp_path / "whole")
    copy = checkpoints._copy

    def copy_with_signal(source, target):
        signal.raise_signal(signal.SIGINT)
        copy(source, target)

    node = {"_target_": f"{__name__}.SignalsWhileSaving"}
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "_copy", copy_with_signal)
        with pytest.raises(Interrupted):
            run(config | {"callbacks": config["callbacks"] | {"checkpoints": node}}, tmp_path / "parts")
    assert [file.name for file in folder(tmp_path / "parts").iterdir()] == ["last.ckpt"]
    run(config, tmp_path / "parts", resume=last(tmp_path / "parts"))
    assert_same(tmp_path / "whole", tmp_path / "parts")


@pytest.fixture
def falling(make_config, tmp_path):
    """A run that was interrupted in its third epoch, and whose best is its first; and its config."""
    config = make_config("trainer.max_epochs=3", "logger=none")
    worse = with_callback(config, "SignalAt", step=50)
    worse["callbacks"]["spoil"] = {"_target_": "test_run_chosen.Spoil", "step": 30}
    with pytest.raises(Interrupted):
        run(worse, tmp_path / "falling")
    assert load_checkpoint(best(tmp_path / "falling"))["global_step"] == 21
    return config, tmp_path / "falling"


@pytest.mark.parametrize("stop", [SystemExit(144), Interrupted(signal.SIGINT)], ids=["cluster", "second ctrl-c"])
@pytest.mark.parametrize("write", [2, 9])
def test_what_stops_a_run_while_a_checkpoint_is_written_is_no_failure(make_config, tmp_path, monkeypatch, stop, write):
    """A signal's handler raises wherever the process is: in torch's writer, which says something of its own then."""
    config = make_config("trainer.max_epochs=3", "model.dropout=0.2")
    run(config, tmp_path / "whole")
    monkeypatch.setattr(checkpoints, "whole", stopped_at(write, stop))
    with pytest.raises(type(stop)):
        run(config, tmp_path / "parts")
    monkeypatch.undo()
    assert json.loads((tmp_path / "parts" / "results.json").read_text())["status"] == "interrupted"
    resume = last(tmp_path / "parts")
    run(config, tmp_path / "parts", resume=resume if resume.exists() else None)
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def stopped_at(write, stop):
    """`files.whole`, whose third file is left in the middle: at this one of its writes."""
    opened = []

    @contextlib.contextmanager
    def whole(path):
        with files.whole(path) as file:
            opened.append(file)
            yield Stopped(file, write, stop) if len(opened) == 3 else file

    return whole


class Stopped:
    """A file that a signal comes upon."""

    def __init__(self, file, left, stop):
        self.file, self.left, self.stop = file, left, stop

    def write(self, content):
        self.left -= 1
        if self.left == 0:
            raise self.stop
        return self.file.write(content)

    def __getattr__(self, name):
        return getattr(self.file, name)


def test_a_checkpoint_elsewhere_brings_the_best_that_is_beside_it(falling, tmp_path):
    config, run_dir = falling
    shutil.copytree(folder(run_dir), tmp_path / "kept")
    run(config, tmp_path / "new", resume=tmp_path / "kept" / "last.ckpt")
    run(config, run_dir, resume=last(run_dir))
    assert_same(run_dir, tmp_path / "new")


def test_a_lone_checkpoint_elsewhere_chooses_anew_and_says_so(falling, tmp_path, caplog):
    config, run_dir = falling
    lone = shutil.copy(last(run_dir), tmp_path / "lone.ckpt")
    with caplog.at_level(logging.WARNING):
        results = run(config, tmp_path / "new", resume=lone)
    assert "the weights of its best epoch, 1, are not beside it" in caplog.text
    assert results["best_epoch"] == 2
    assert load_checkpoint(best(tmp_path / "new"))["global_step"] == 63
    assert evaluate(tmp_path / "new", accelerator="cpu")["test/acc"] == pytest.approx(results["test/acc"])


def test_a_lone_checkpoint_of_the_best_epoch_is_the_best(make_config, tmp_path):
    config = make_config("trainer.max_epochs=1", "logger=none")
    run(config, tmp_path / "one")
    lone = shutil.copy(best(tmp_path / "one"), tmp_path / "lone.ckpt")
    results = run(config, tmp_path / "new", resume=lone)
    assert figures(results) == figures(json.loads((tmp_path / "one" / "results.json").read_text()))
    assert best(tmp_path / "new").read_bytes() == lone.read_bytes()


def test_a_lone_checkpoint_with_nothing_left_to_train_is_refused_in_words(falling, tmp_path):
    config, run_dir = falling
    run(config, run_dir, resume=last(run_dir))
    shutil.copy(last(run_dir), tmp_path / "lone.ckpt")
    checkpoint = load_checkpoint(tmp_path / "lone.ckpt")
    checkpoint["callbacks"]["Checkpoints"] |= {"epoch": 0, "step": 21}  # its best is another
    torch.save(checkpoint, tmp_path / "lone.ckpt")
    with pytest.raises(UserError, match=r"resume.*nothing left to train.*best weights are not there"):
        run(config, tmp_path / "new", resume=tmp_path / "lone.ckpt")


@pytest.mark.parametrize("damage", ["missing", "of another epoch", "of another run", "torn"])
def test_a_run_whose_own_best_is_gone_is_refused_before_training_and_left_as_it_was(
    falling, make_config, tmp_path, damage
):
    config, run_dir = falling
    if damage == "missing":
        best(run_dir).unlink()
    elif damage == "of another epoch":
        shutil.copy(last(run_dir), best(run_dir))
    elif damage == "of another run":
        run(make_config("trainer.max_epochs=1", "seed=1"), tmp_path / "other")
        shutil.copy(best(tmp_path / "other"), best(run_dir))
    else:
        best(run_dir).write_bytes(best(run_dir).read_bytes()[:1000])
    before = {file: file.read_bytes() for file in run_dir.rglob("*") if file.is_file()}
    words = {"missing": "is missing.*epoch 1", "torn": "damaged", "of another run": "belongs to another run"}.get(
        damage, "holds other weights.*epoch 1"
    )
    with pytest.raises(UserError, match=rf"best\.ckpt.*{words}"):
        run(config, run_dir, resume=last(run_dir))
    assert {file: file.read_bytes() for file in run_dir.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize(("key", "value"), [("monitor", "val/loss"), ("mode", "min")])
def test_the_best_is_not_compared_by_another_measure(falling, key, value):
    config, run_dir = falling
    config["callbacks"]["checkpoints"][key] = value
    with pytest.raises(UserError, match=rf"checkpoints\.{key}={value} with resume=.*chose its best by {key}="):
        run(config, run_dir, resume=last(run_dir))


def test_a_best_that_is_replaced_while_a_run_goes_on_is_not_tested(make_config, tmp_path, monkeypatch):
    class Replaced(checkpoints.Checkpoints):
        def load(self, learner, folder):
            checkpoint = load_checkpoint(folder / "best.ckpt")
            torch.save(checkpoint | {"global_step": 21}, folder / "best.ckpt")
            super().load(learner, folder)

    monkeypatch.setattr(checkpoints, "Checkpoints", Replaced)
    with pytest.raises(RunFailed, match=r"best\.ckpt: holds other weights than this run has saved there"):
        run(make_config("logger=none"), tmp_path)


def test_what_a_killed_process_left_half_written_is_removed_when_the_run_goes_on(falling):
    config, run_dir = falling
    left = [run_dir / ".config.yaml.1234.partial", folder(run_dir) / ".best.ckpt.abcd.partial"]
    for file in left:
        file.write_bytes(b"half")
    run(config, run_dir, resume=last(run_dir))
    assert not any(file.exists() for file in left)
