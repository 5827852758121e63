"""Ways to start a run: in this process, or as a command, a copy of one process that has imported torch already."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from composed import compose

from groundup.config.check import check

PROJECT = Path(__file__).parents[1]
CPU = ("trainer.max_epochs=2", "trainer.accelerator=cpu")
SMALL = ("model=mlp", "model.hidden_dims=[16]", *CPU)

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["groundup.config.check", "groundup.run.run", "groundup.run.evaluate", "groundup.run.predict", "frozen"]
)


@dataclass
class Command:
    """A running command; what it says goes to files, as to a terminal that is none."""

    process: multiprocessing.process.BaseProcess
    out: Path
    err: Path

    @classmethod
    def start(cls, script: str, *words: str, cwd: Path) -> Command:
        # beside the working directory, which a command may be asked to leave as it was
        out, err = (cwd.with_name(f"{cwd.name}-{time.monotonic_ns()}.{name}") for name in ("out", "err"))
        process = _context.Process(target=_run, args=(script, words, cwd, out, err))
        process.start()
        return cls(process, out, err)

    def send(self, signum: int) -> None:
        os.kill(self.process.pid or 0, signum)

    def wait(self, timeout: float = 120) -> int | None:
        """The exit code, negative for a signal that killed the command."""
        self.process.join(timeout)
        return self.process.exitcode

    @property
    def stdout(self) -> str:
        return self.out.read_text()

    @property
    def stderr(self) -> str:
        return self.err.read_text()


def _run(script: str, words: tuple[str, ...], cwd: Path, out: Path, err: Path) -> None:
    os.chdir(cwd)
    for path, number in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND), number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1) for number in (1, 2))
    sys.argv = [str(PROJECT / script), *words]
    runpy.run_path(sys.argv[0], run_name="__main__")


def wait_for(condition: Callable[[], bool], what: str, timeout: float = 120) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


def small_config(*overrides: str) -> dict[str, Any]:
    """The checked config of a run of the small model, where `overrides` name no other."""
    defaults = CPU if any(word.startswith("model=") for word in overrides) else SMALL
    return check(compose("train", [*defaults, *overrides]))


def train_here(run_dir: Path, *overrides: str) -> dict[str, Any]:
    """A run in this process."""
    from groundup.run.run import run

    return run(small_config(*overrides), run_dir)


def resume_here(run_dir: Path, without: str) -> dict[str, Any]:
    """Goes on with a run from its last checkpoint, without one of its callbacks."""
    from groundup.run.run import run

    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    del config["callbacks"][without]
    return run(config, run_dir, resume=run_dir / "checkpoints" / "last.ckpt")
