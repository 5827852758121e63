"""Failures inside training: one line on the terminal, the traceback in train.log, the cause in results.json."""

from __future__ import annotations

import errno
import json
import os

import pytest
from launch import SMALL, train_here
from lightning.pytorch import Callback

from groundup.errors import RunFailed
from groundup.run.failures import one_line_cause
from groundup.sweep.outcome import resuming


def test_a_failure_in_training_is_one_line_and_exit_code_1(command, tmp_path):
    run_dir = tmp_path / "run"
    done = command("train.py", *SMALL, "optimizer.lr=1e30", "scheduler=constant", f"hydra.run.dir={run_dir}")
    assert done.wait() == 1
    assert len(done.stderr.splitlines()) == 1
    assert "the training loss became" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "Traceback" in (run_dir / "train.log").read_text()
    results = json.loads((run_dir / "results.json").read_text())
    assert results["status"] == "failed"
    assert f"error: {results['error']}\n" == done.stderr


def test_an_output_directory_that_cannot_be_made_is_said_before_training(command, tmp_path):
    (tmp_path / "file").touch()
    done = command("train.py", *SMALL, f"hydra.run.dir={tmp_path}/file/run")
    assert done.wait() == 2
    assert done.stdout == ""
    assert "cannot be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("file", ["results.json", "config.yaml", "last.ckpt", "best.ckpt"])
def test_a_disk_that_fills_up_is_named_in_one_line(monkeypatch, tmp_path, file):
    sync = os.fsync

    def full(descriptor):
        if f".{file}." in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFailed) as failed:
        train_here(tmp_path)
    assert str(failed.value) == f"no space left on the disk of {tmp_path}; make room and go on with: resume={tmp_path}"
    assert not list(tmp_path.rglob("*.partial"))


def test_what_is_to_be_copied_is_a_word_of_a_shell(tmp_path):
    said = one_line_cause(OSError(errno.ENOSPC, ""), tmp_path / "03 lenet lr=0.01")
    assert said.endswith(f"go on with: 'resume={tmp_path}/03 lenet lr=0.01'")
    assert resuming(tmp_path / "my sweeps") == f"'sweep.resume={tmp_path}/my sweeps'"


class FullDisk(Callback):
    """From its epoch on, no checkpoint can be written."""

    def on_train_epoch_start(self, trainer, *_):
        if trainer.current_epoch == 1:
            trainer.strategy.checkpoint_io.save_checkpoint = self._fail

    def _fail(self, *_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path):
    from groundup.learning.checkpoint import load_checkpoint

    with pytest.raises(RunFailed, match="no space left on the disk"):
        train_here(tmp_path, f"+callbacks.full._target_={__name__}.FullDisk")
    assert json.loads((tmp_path / "results.json").read_text())["status"] == "failed"
    assert load_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["global_step"] == 21


def test_out_of_memory_names_the_batch_size(tmp_path):
    import torch

    assert "data.batch_size" in one_line_cause(torch.OutOfMemoryError("CUDA out of memory. Tried ..."), tmp_path)


def test_resuming_from_weights_alone_or_of_another_network_is_refused_before_training(command, digits_run, tmp_path):
    import torch

    checkpoint = torch.load(digits_run / "checkpoints" / "last.ckpt", weights_only=True)
    torch.save({"state_dict": checkpoint["state_dict"]}, tmp_path / "weights.ckpt")
    words = ("train.py", *SMALL, f"resume={tmp_path}/weights.ckpt", f"hydra.run.dir={tmp_path}/run")
    done = command(*words)
    assert done.wait() == 2
    assert "weights.ckpt: not a checkpoint of a run in training" in done.stderr
    done = command(*words, "model.hidden_dims=[20]")
    assert done.wait() == 2
    assert "made by another network: size mismatch" in done.stderr
    assert len(done.stderr.splitlines()) == 1
