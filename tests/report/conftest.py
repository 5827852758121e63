"""Sweeps, written by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from run_files import make_config, make_results, write_run

from groundup.rundir.jobs import FrozenJob, write_jobs


@pytest.fixture(scope="session")
def make_sweep() -> Callable[..., Path]:
    """A sweep over learning rates and seeds; `accuracy(rate, seed)` of each finished run, None of one not run."""

    def make(path: Path, rates: tuple[float, ...], seeds: tuple[int, ...], accuracy: Callable[..., Any]) -> Path:
        path.mkdir(parents=True)
        jobs = []
        for number, (rate, seed) in enumerate((rate, seed) for rate in rates for seed in seeds):
            config = make_config(seed, optimizer={"lr": rate})
            overrides = ["model=mlp", f"optimizer.lr={rate}", f"seed={seed}"]
            jobs.append(FrozenJob(number, overrides, config))
            value = accuracy(rate, seed)
            if value is not None:
                results = make_results(seed, test=value, val=value, overrides=overrides)
                write_run(path / str(number), results, config, (value / 2, value))
        write_jobs(path, jobs)
        return path

    return make


@pytest.fixture
def empty_pictures(monkeypatch) -> Callable[..., None]:
    """Saves pictures of these formats empty, and so a report takes 0.1 s, not 1.3: `empty_pictures("png", "svg")`."""
    empty, savefig = {"png": b"PNG", "svg": "<svg ></svg>"}, Figure.savefig

    def choose(*formats: str) -> None:
        def save(figure: Figure, file: Any, format: str, **options: Any) -> None:
            if format in formats:
                file.write(empty[format])
            else:
                savefig(figure, file, format=format, **options)

        monkeypatch.setattr(Figure, "savefig", save)

    return choose
