"""Whole commands that end before torch is imported: what they say and their exit codes."""

from __future__ import annotations

import json
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
# Commands are copies of this process, which has imported what all of them do: that takes most of the time of each.
COPIES = """
import json, os, runpy, sys
import groundup.cli.evaluate, groundup.cli.predict, groundup.cli.train, groundup.config.check
from hydra.core.plugins import Plugins
Plugins.instance()
def do(script, words, cwd, files):
    os.chdir(cwd)
    for number, file in enumerate(files):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT), number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in enumerate("rww"))
    sys.argv = [script, *words]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
for line in sys.stdin:
    if not (process := os.fork()):
        try:
            code = do(**json.loads(line))
            sys.stdout.flush(), sys.stderr.flush()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            code = 1
        finally:
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    hook = tmp_path_factory.mktemp("hook")
    (hook / "sitecustomize.py").write_text(NO_TORCH)
    env = os.environ | {"PYTHONPATH": str(hook)}
    env.pop("HYDRA_FULL_ERROR", None)
    return env


@pytest.fixture
def command(tmp_path, environment):
    """Runs a command in a process of its own."""

    def run(script, *words, **more):
        line = [sys.executable, str(PROJECT / script), *words]
        return subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, env=environment | more)

    return run


@pytest.fixture(scope="module")
def copies(environment):
    line = [sys.executable, "-c", COPIES]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(line, env=environment, **pipes) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def copy(tmp_path, copies, tmp_path_factory):
    """Runs a command in a copy of a process without torch."""

    def run(script, *words):
        out, err = (tmp_path_factory.mktemp("said") / name for name in ("out", "err"))
        files = ["/dev/null", str(out), str(err)]
        asked = {"script": str(PROJECT / script), "words": words, "cwd": str(tmp_path), "files": files}
        copies.stdin.write(json.dumps(asked) + "\n")
        copies.stdin.flush()
        code = int(copies.stdout.readline())
        return subprocess.CompletedProcess(words, code, out.read_text(), err.read_text())

    return run


def test_one_bad_request_is_answered_by_a_whole_process_as_by_a_copy(command, copy):
    done, copied = (run("train.py", "modle=cnn") for run in (command, copy))
    assert done.returncode == copied.returncode == 2
    assert done.stderr == copied.stderr != ""


def test_the_control_a_command_that_imports_torch_is_seen(copy, tmp_path):
    (tmp_path / "heavy.py").write_text("import torch")
    done = copy(str(tmp_path / "heavy.py"))
    assert (done.returncode, done.stderr) == (1, "torch was imported\n")


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
def test_a_bad_request_is_answered_before_torch(copy, words, expected):
    done = copy("train.py", *words)
    assert done.returncode == 2, done.stderr
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) <= 3
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_sweep_over_several_devices_is_refused(copy, tmp_path):
    done = copy("train.py", "-m", "trainer.devices=2", f"hydra.sweep.dir={tmp_path}/sweep")
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


def test_the_config_is_shown(copy):
    done = copy("train.py", "--cfg", "job", "model=mlp")
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
def test_the_readers_of_runs_refuse_what_is_not_there(copy, tmp_path, script, words, expected):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "config.yaml").write_text("{}")
    (tmp_path / "run" / "checkpoints" / "best.ckpt").write_bytes(b"")
    before = sorted(tmp_path.rglob("*"))
    done = copy(script, *words)
    assert done.returncode == 2, done.stderr
    assert expected in done.stderr
    assert sorted(tmp_path.rglob("*")) == before
