"""What predictions cost on this CPU: the milliseconds of an image and of a batch, of many runs side by side."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule

from groundup.errors import UserError
from groundup.models.summary import untouched
from groundup.paths import unique_name
from groundup.run.costs import macs_of, size_on_disk
from groundup.run.failures import one_line_cause
from groundup.run.readback import read_config
from groundup.run.trained import build_trained, read_saved
from groundup.run.trials import check_answer, trial_images
from groundup.rundir.measured import MEASUREMENT
from groundup.rundir.results import versions
from groundup.spec import DatasetSpec

LEAST = 0.01  # seconds that a reading takes
SCATTER = 0.25  # of readings, the middle half of them, relative to their median: more is no quiet machine's


@dataclass
class Measured:
    """A run's network and the readings of it, seconds a call.

    Attributes:
        calls: for one image, and for a batch.
        readings: by the same names.
    """

    module: LightningModule
    spec: DatasetSpec
    calls: dict[str, Callable[[], Any]]
    readings: dict[str, list[float]] = field(default_factory=lambda: {"image_ms": [], "batch_ms": []})

    def warm_up(self) -> None:
        """Calls each once: memory is taken, and kernels are chosen, by the first call."""
        with untouched(self.module):
            for call in self.calls.values():
                call()

    def read(self) -> None:
        """Takes a reading of each."""
        with untouched(self.module):
            for name, call in self.calls.items():
                self.readings[name].append(seconds_of(call))

    @property
    def scatters(self) -> bool:
        """Whether readings differ so much that the machine must have been busy with something else."""
        return any(_scatter(readings) > SCATTER for readings in self.readings.values())


def load(run_dir: Path, batch: int, trust: Collection[str] = ()) -> Measured:
    """The network of a run's best checkpoint, and images of noise for it.

    Raises:
        UserError: it cannot be read, or does not classify.
    """
    config = read_config(run_dir, ("model", "loss"), trust)
    saved = read_saved(run_dir, config, "best")
    spec, module = saved.spec, build_trained(run_dir, config, saved)
    check_answer(config["model"], module, spec)
    like = next(module.parameters(), torch.zeros(()))
    images = trial_images(spec, like, batch)
    one = images[:1].clone()
    found = Measured(module, spec, {"image_ms": lambda: module(one), "batch_ms": lambda: module(images)})
    try:
        found.warm_up()
    except Exception as error:  # of any kind: a network may be for batches of its own size
        raise UserError(f"1 and {batch} images at once: {one_line_cause(error, run_dir)}") from error
    return found


def measure(networks: Collection[Measured], batch: int, threads: int, rounds: int) -> list[dict[str, Any]]:
    """Takes readings of all in turn, round by round, so that what else the machine does meets them alike.

    Args:
        networks: of runs.
        batch: images in a batch.
        threads: that PyTorch computes with.
        rounds: readings of each; their median counts.

    Returns:
        What `costs.json` of each holds.
    """
    with with_threads(threads):
        for network in networks:  # once more: with so many threads
            network.warm_up()
        for _ in range(rounds):
            for network in networks:
                network.read()
    conditions = {
        "batch": batch,
        "threads": threads,
        "rounds": rounds,
        "cpu": cpu_name(),
        "versions": {name: versions()[name] for name in ("torch", "numpy")},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        MEASUREMENT: unique_name(),
    }
    return [_figures(network) | conditions for network in networks]


def _figures(network: Measured) -> dict[str, Any]:
    times = {name: 1000 * statistics.median(readings) for name, readings in network.readings.items()}
    return times | {
        "parameters": sum(p.numel() for p in network.module.parameters()),
        "macs": macs_of(network.module, network.spec),
        "size_on_disk": size_on_disk(network.module),
    }


def _scatter(readings: list[float]) -> float:
    if len(readings) < 4:
        return 0.0
    low, middle, high = statistics.quantiles(readings, n=4)
    return (high - low) / middle


def seconds_of(call: Callable[[], Any]) -> float:
    """Of a call: the median of as many as take `LEAST` seconds together."""
    times: list[float] = []
    while sum(times) < LEAST:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def cpu_name() -> str:
    """As the system calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


@contextmanager
def with_threads(count: int) -> Iterator[None]:
    """Has PyTorch compute with so many threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
