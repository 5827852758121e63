"""What tests of several rooms share."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import parsed_once
import pytest
from omegaconf import DictConfig

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell: tests press Ctrl-C all the same
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Before torch is imported: on such small nets more threads gain nothing, and cost much where cores are shared.
os.environ.setdefault("OMP_NUM_THREADS", "1")
parsed_once.install()


def pytest_collection_finish() -> None:
    """Every test module is imported now, and most of what a run needs."""
    import frozen  # noqa: F401


@pytest.fixture(autouse=True)
def at_home_nowhere_else(monkeypatch) -> None:
    """A command settles its process in its project; the next test's process is at home where it always was."""
    monkeypatch.setattr("groundup.paths._settled", None)


@pytest.fixture
def compose_config() -> Callable[..., DictConfig]:
    """Composes the shipped configs in this process: `compose_config("model=mlp", name="train")`."""
    from composed import compose

    return lambda *overrides, name="train": compose(name, overrides)


@pytest.fixture
def make_config(compose_config) -> Callable[..., dict[str, Any]]:
    """The checked config of a small run, with overrides."""
    from small_runs import SMALL

    from groundup.config.check import check

    def make(*overrides: str, small: Sequence[str] = SMALL) -> dict[str, Any]:
        return check(compose_config(*small, *overrides))

    return make


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory) -> Callable[[dict[str, Any]], Path]:
    """The directory of a finished run of a config, to be read only: of equal configs it is one run."""
    made: dict[str, Path] = {}

    def make(config: dict[str, Any]) -> Path:
        from groundup.run.run import run

        key = json.dumps(config, sort_keys=True)
        if key not in made:
            run_dir = tmp_path_factory.mktemp("whole") / "run"
            run(config, run_dir)
            made[key] = run_dir
        return made[key]

    return make


@pytest.fixture
def small_run(make_config, tmp_path) -> tuple[dict[str, Any], Path]:
    """One finished run: its results and its directory."""
    from groundup.run.run import run

    run_dir = tmp_path / "run"
    return run(make_config("model.dropout=0.1"), run_dir), run_dir


@pytest.fixture
def tape(monkeypatch) -> list:
    """Steps are captured on the CPU too; gives the `Tape` of each run that captures."""
    from tape import Tape

    from groundup.learning.captured_classifier import CapturedClassifier

    monkeypatch.setattr(Tape, "made", [])
    monkeypatch.setitem(CapturedClassifier.__init__.__kwdefaults__, "graphs", Tape)
    return Tape.made
