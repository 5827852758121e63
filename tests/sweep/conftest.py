"""Sweeps in this process whose runs take no time."""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.core.hydra_config import HydraConfig
from job_dirs import number_in

PROJECT = Path(__file__).parents[2]


class Runs:
    """Stands for `groundup.run.run.run`: keeps how it was called, and writes what a run writes.

    `behave` may raise, or return figures other than its own.
    """

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.behave: Callable[[dict[str, Any], Path], dict[str, Any] | None] = lambda config, run_dir: None

    def __call__(self, config, run_dir, resume=None, overrides=(), spec=None, judge=None):
        self.calls.append(
            {"config": config, "run_dir": run_dir, "resume": resume, "overrides": list(overrides), "judge": judge}
        )
        (run_dir / "config.yaml").write_text(json.dumps(config))
        results = {"status": "failed", "seed": config["seed"], "test/acc": None}
        try:
            figures = self.behave(config, run_dir) or {}
            accuracy = round(config["optimizer"].get("lr", 0) + config["seed"] / 100, 6)
            results = {"status": "finished", "val/acc": accuracy, "test/acc": accuracy / 2, "test/loss": 1.0}
            results |= {"train_seconds": 2.0, "parameters": 100, "seed": config["seed"]} | figures
        except BaseException as error:
            stopped = not isinstance(error, Exception)
            results |= {"status": "interrupted" if stopped else "failed", "error": str(error)}
            raise
        finally:
            (run_dir / "results.json").write_text(json.dumps(results))
        return results

    @property
    def folders(self) -> list[str]:
        """The numbers of the jobs."""
        return [str(number_in(call["run_dir"])) for call in self.calls]


@pytest.fixture
def runs(monkeypatch) -> Runs:
    import groundup.run.run

    fake = Runs()
    monkeypatch.setattr(groundup.run.run, "run", fake)
    return fake


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Takes away the log files that Hydra opens: the folders of some are removed, and later tests log, too."""
    loggers = [logging.getLogger(name) for name in ("", "groundup.traceback")]
    before = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    yield
    for logger, handlers, level in before:
        for handler in set(logger.handlers) - set(handlers):
            handler.close()
        logger.handlers[:] = handlers
        logger.setLevel(level)


@pytest.fixture
def train(monkeypatch, own_logging) -> Callable[..., int]:
    """`train.py` in this process; gives its exit code."""
    spec = importlib.util.spec_from_file_location("train", PROJECT / "train.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    monkeypatch.setenv("GROUNDUP_SWEEP_DIR", "of an earlier sweep")  # so that it is put back after the test
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)  # likewise: a sweep leaves its own

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["train.py", *words])
        try:
            module.main()
        except SystemExit as ended:
            return ended.code or 0
        return 0

    return run


@pytest.fixture
def sweep(train, runs, tmp_path) -> Callable[..., int]:
    """A sweep in `tmp_path/s`, of runs that take no time."""
    return lambda *words: train("-m", "trainer.accelerator=cpu", *words, f"hydra.sweep.dir={tmp_path}/s")


@pytest.fixture
def compose_hydra() -> Callable[..., Any]:
    """The `hydra` node of a command."""
    from hydra import compose, initialize_config_dir

    from groundup.command.resolvers import register_resolvers

    def compose_one(*words: str) -> Any:
        register_resolvers(PROJECT)
        with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
            return compose("train", list(words), return_hydra_config=True).hydra

    return compose_one
