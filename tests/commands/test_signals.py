"""A stopped run: exit codes, what is left, and the same weights after going on."""

from __future__ import annotations

import json
import os
import signal

import pytest
import torch
from launch import SMALL, Command, resume_here, train_here, wait_for
from lightning.pytorch import Callback

from groundup.errors import Interrupted
from groundup.learning.checkpoint import load_checkpoint

EPOCHS = 25
LONG = (
    "data.batch_size=8",
    f"trainer.max_epochs={EPOCHS}",
    "model.dropout=0.1",
    "data.augment=[shift]",
    "data.shift=1",
)


def weights(run_dir, name="last"):
    return load_checkpoint(run_dir / "checkpoints" / f"{name}.ckpt")["state_dict"]


def status(run_dir):
    return json.loads((run_dir / "results.json").read_text())["status"]


def rows(run_dir):
    file = run_dir / "metrics.csv"
    return file.read_text().count("\n") - 1 if file.exists() else 0


STOPS = {
    # how it is stopped, with which exit code, and how it goes on
    signal.SIGINT: (130, ("resume=auto", "hydra.run.dir={}")),
    signal.SIGTERM: (143, ("resume={}",)),
    signal.SIGKILL: (-9, ("resume={}/checkpoints/last.ckpt",)),
}


def test_a_command_that_is_stopped_again_and_again_goes_on_to_the_same_weights_bit_for_bit(command, tmp_path):
    run_dir = tmp_path / "run"
    words = (f"hydra.run.dir={run_dir}",)
    for stops, (signum, (code, to_go_on)) in enumerate(STOPS.items()):
        before = rows(run_dir)
        stopped = Command.start("train.py", *SMALL, *LONG, *words, cwd=tmp_path / "elsewhere")
        wait_for(lambda before=before: rows(run_dir) >= before + 3, "three epochs")
        stopped.send(signum)
        assert stopped.wait() == code, stopped.stderr
        assert "Traceback" not in stopped.stderr
        # an epoch's row is written just before its checkpoint
        saved = before + (2 if signum == signal.SIGKILL else 3)
        last = load_checkpoint(run_dir / "checkpoints" / "last.ckpt")["global_step"]
        assert 3 * stops * 162 < saved * 162 <= last < EPOCHS * 162
        if signum != signal.SIGKILL:  # which leaves no time to say anything
            assert status(run_dir) == "interrupted"
            assert f"go on with: resume={run_dir}" in stopped.stdout
        words = tuple(word.format(run_dir) for word in to_go_on)

    resumed = command("train.py", *SMALL, *LONG, *words)
    assert resumed.wait() == 0, resumed.stderr
    assert status(run_dir) == "finished"
    assert rows(run_dir) == EPOCHS
    train_here(tmp_path / "whole", *LONG)
    whole = weights(tmp_path / "whole")
    assert all(torch.equal(value, whole[name]) for name, value in weights(run_dir).items())


class Signals(Callback):
    """Sends this process a signal, some times in a row, in one of Lightning's hooks."""

    def __init__(self, hook: str, times: int = 1, step: int = 0):
        self.times, self.step = times, step
        setattr(self, hook, self._send)

    def _send(self, trainer, *_, **__):
        if trainer.global_step == self.step:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)


def signals(hook, **options):
    words = {"_target_": f"{__name__}.Signals", "hook": hook, **options}
    return [f"+callbacks.signals.{key}={value}" for key, value in words.items()]


@pytest.mark.parametrize("hook", ["setup", "on_fit_start", "on_sanity_check_start", "on_validation_start"])
def test_a_signal_before_the_first_checkpoint_ends_cleanly(tmp_path, hook):
    options = ["+trainer.num_sanity_val_steps=1"] if hook == "on_sanity_check_start" else []
    step = 21 if hook == "on_validation_start" else 0
    with pytest.raises(Interrupted):
        train_here(tmp_path, *signals(hook, step=step), *options)
    assert status(tmp_path) == "interrupted"


def test_a_run_stopped_in_its_test_phase_is_tested_after_resuming(tmp_path):
    with pytest.raises(Interrupted):
        train_here(tmp_path, *signals("on_test_batch_start", step=42))
    assert status(tmp_path) == "interrupted"
    before = weights(tmp_path)
    results = resume_here(tmp_path, without="signals")
    assert results["status"] == "finished"
    assert results["test/acc"] > 0.6
    assert (results["epochs"], results["steps"], results["best_epoch"]) == (2, 42, 1)
    assert all(torch.equal(value, before[name]) for name, value in weights(tmp_path).items())


def test_two_signals_of_one_moment_are_one_request(tmp_path):
    with pytest.raises(Interrupted):
        train_here(tmp_path, *signals("on_train_batch_start", times=2, step=30))
    assert load_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["global_step"] == 31  # the step was saved


def test_a_second_signal_stops_at_once_and_leaves_the_last_checkpoint_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr("groundup.signals.ECHO", 0)
    with pytest.raises(Interrupted):
        train_here(tmp_path, *signals("on_train_batch_start", times=2, step=30))
    assert status(tmp_path) == "interrupted"
    assert load_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["global_step"] == 21  # of the epoch before
    assert not list(tmp_path.rglob("*.partial"))
