"""Whole commands that end before torch is imported: what they say and their exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
# Python runs this at its start: torch, once imported, ends the command.
NO_TORCH = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "lightning", "torchvision"):
            raise SystemExit(f"{name} was imported")
sys.meta_path.insert(0, NoTorch())
"""


@pytest.fixture
def command(tmp_path):
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(NO_TORCH)

    def run(script, *words, **environment):
        env = os.environ | {"PYTHONPATH": str(tmp_path / "hook")} | environment
        env.pop("HYDRA_FULL_ERROR", None)
        line = [sys.executable, str(PROJECT / script), *words]
        return subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, env=env)

    return run


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["modle=cnn"], "did you mean model=cnn?"),
        (["--foo"], "--foo: unknown option"),
        (["optimizer.lr=abc"], "optimizer.lr=abc: must be a number"),
        (["data.val_fraction=1.5"], "data.val_fraction=1.5: must be less than 1"),
        (["data=image_folder"], "data.root=null: must be given"),
        (["model=lenet", "data.image_size=8"], "needs images of at least 12x12 pixels"),
        (["trainer.limit_train_batches=2"], "add it with +trainer.limit_train_batches=2"),
        (["trainer.logger=false"], "the project sets it itself"),
        (["data.augment=[flip,alternating_flip]"], "choose one"),
        (["resume="], "resume=: must be given"),
        (["resume=nowhere"], "accepted: auto, a checkpoint, or a run directory"),
        (["-m", "modle=cnn,mlp"], "did you mean model=cnn,mlp?"),
    ],
)
def test_a_bad_request_is_answered_before_torch(command, words, expected):
    done = command("train.py", *words)
    assert done.returncode == 2, done.stderr
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) <= 3
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_sweep_over_several_devices_is_refused(command, tmp_path):
    done = command("train.py", "-m", "trainer.devices=2", f"hydra.sweep.dir={tmp_path}/sweep")
    assert done.returncode == 2
    assert "trainer.devices=2 in a sweep: accepted: 1" in done.stderr


def test_help_names_commands_groups_and_options(command):
    done = command("train.py", "--help")
    assert done.returncode == 0, done.stderr
    for words in (
        "groundup:",
        "python train.py model=cnn data=cifar10",
        "evaluate.py",
        "resnet18",
        "optimizer.lr",
        "[0.05]",
    ):
        assert words in done.stdout
    assert "base" not in done.stdout


def test_the_config_is_shown(command):
    done = command("train.py", "--cfg", "job", "model=mlp")
    assert done.returncode == 0, done.stderr
    assert "hidden_dims" in done.stdout
    assert "hydra" not in done.stdout


def test_shell_completion_is_installed_and_lists_options(command):
    script = command("train.py", "-sc", "install=bash")
    assert script.returncode == 0, script.stderr
    assert "complete" in script.stdout
    line = "train.py model=c"
    listed = command("train.py", "-sc", "query=bash", COMP_LINE=line, COMP_POINT=str(len(line)))
    assert "model=cnn" in listed.stdout.split()
    # Hydra's completion scripts offer themselves for files with this word alone.
    assert all(
        "@hydra.main" in (PROJECT / f"{name}.py").read_text() for name in ("train", "evaluate", "predict", "export")
    )


@pytest.mark.parametrize(
    ("script", "words", "expected"),
    [
        ("evaluate.py", [], "run=???: must be given"),
        ("evaluate.py", ["run=nowhere"], "nowhere: no config.yaml there"),
        (
            "evaluate.py",
            ["rnu=nowhere"],
            "did you mean run=nowhere? Accepted: run, ckpt, draws, split, predictions, out, accelerator, ",
        ),
        (
            "evaluate.py",
            ["model=cnn"],
            "model=cnn: there is no key 'model'. Accepted: run, ckpt, draws, split, predictions, out",
        ),
        ("evaluate.py", ["-m", "run=run"], "-m: evaluate.py makes no sweeps"),
        ("predict.py", ["run=run", "images=a,b", "-m"], "-m: predict.py makes no sweeps"),
        ("predict.py", ["run=run", "images=a,b"], "images=a,b: accepted: one value"),
        ("evaluate.py", ["run=run", "ckpt=bset"], "ckpt=bset: no file"),
        ("evaluate.py", ["run=run", "split=all"], "split=all: must be 'train', 'val' or 'test'"),
        ("evaluate.py", ["run=run", "predictions=no/a.npz"], "no/a.npz: no such folder"),
        ("evaluate.py", ["run=run", "data.eval_batch_size=0"], "greater than or equal to 1"),
        ("predict.py", ["run=run"], "images=null: must be given"),
        ("predict.py", ["run=run", "images=nowhere"], "nowhere: no such file or folder"),
        ("predict.py", ["run=run", "images=run", "top=0"], "top=0: must be greater than or equal to 1"),
    ],
)
def test_the_readers_of_runs_refuse_what_is_not_there(command, tmp_path, script, words, expected):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "config.yaml").write_text("{}")
    (tmp_path / "run" / "checkpoints" / "best.ckpt").write_bytes(b"")
    before = sorted(tmp_path.rglob("*"))
    done = command(script, *words)
    assert done.returncode == 2, done.stderr
    assert expected in done.stderr
    assert sorted(tmp_path.rglob("*")) == before
