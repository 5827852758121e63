"""A speed record's recipe, many times in one process: accuracy, seconds, where they go, and what the rails cost.

    python benchmarks/records.py cifar10_94 [--runs 25] [--root DIR] [--set KEY=VALUE ...] [--out FILE.json]
                                 [--threads N] [--split] [--bare REPEATS] [--process]

A run is that of `python train.py experiment=NAME seed=0`, 1, 2, … without TensorBoard: the same config, Trainer,
callbacks and checkpoints. `train` is from the call of `fit` to its end, with the data on the device, the first layer
made from them, and whatever is captured or compiled; `test` is the evaluation, with its views. Records are counted so,
but warmed up: the first run is `--runs` + 1, shown and left out of the means. Under `trainer.capture` every run
captures anew, and its first three steps are not captured.

--split: one more run that waits for the device after each part: making batches, forward and backward, the optimizer,
the evaluation, the rest. Under capture the first three are one launch, and not told apart.
--bare: so many epochs of a loop without Lightning, loggers and checkpoints, on the same batches, network, optimizer
and schedule, captured too where the run is, in turns with as many of the Trainer's; median and range of the ratios.
--process: seconds of `python train.py experiment=NAME` as a process of its own, from its start to results.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # else idle threads hold the cores that the others need

import torch
from hydra import compose, initialize_config_dir
from lightning.pytorch import Callback
from torch import Tensor

from groundup.callbacks.interrupt import StopOnSignal
from groundup.command.resolvers import register_resolvers
from groundup.config.check import check
from groundup.learning.captured_classifier import CapturedClassifier
from groundup.learning.cuda_graphs import CapturedStep, CudaGraphs
from groundup.learning.schedules import falling
from groundup.run.allocator import keep_freed_memory
from groundup.run.parts import Parts, assemble
from groundup.run.quiet import quiet
from groundup.run.run import release

PROJECT = Path(__file__).resolve().parents[1]
FIGURES = ("test/acc", "test/acc_tta", "train", "test")


def make_config(overrides: list[str], seed: int) -> dict[str, Any]:
    register_resolvers(PROJECT)
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        return check(compose("train", [*overrides, f"seed={seed}", "logger=none"]))


def wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def now() -> float:
    wait()
    return time.perf_counter()


def with_parts(config: dict[str, Any], use: Callable[[Parts], Any]) -> Any:
    """What `use` makes of the parts of a run, in a directory that is thrown away."""
    try:
        with tempfile.TemporaryDirectory() as folder, quiet(), StopOnSignal() as stop:
            parts = assemble(config, Path(folder), stop)
            if parts.compile:
                parts.learner.net.compile()
            return use(parts)
    finally:
        release()


# Whole runs


def one_run(parts: Parts) -> dict[str, float]:
    """Trains and tests: accuracies and seconds. The last weights are tested, as there is no validation."""
    start = now()
    parts.trainer.fit(parts.learner, datamodule=parts.data)
    trained = now()
    [metrics] = parts.trainer.test(parts.learner, datamodule=parts.data, verbose=False)
    figures = {name: metrics[name] for name in ("test/acc", "test/acc_tta") if name in metrics}
    return figures | {"train": trained - start, "test": now() - trained}


def summary(runs: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Of each figure mean, sample standard deviation, least and most."""
    found: dict[str, dict[str, float]] = {}
    for name in FIGURES:
        values = [run[name] for run in runs if name in run]
        if values:
            sd = statistics.stdev(values) if len(values) > 1 else 0.0
            found[name] = {"mean": statistics.fmean(values), "sd": sd, "min": min(values), "max": max(values)}
    return found


# Where a run's seconds go


class Clock(Callback):
    """Adds up the seconds of parts of a training, each from its start until the device is done with it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            start = now()
            try:
                return function(*args, **options)
            finally:
                self.seconds[part] += now() - start

        return call

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        optimizer = trainer.optimizers[0]
        pl_module.training_step = self.timed("forward", pl_module.training_step)
        pl_module.backward = self.timed("backward", pl_module.backward)
        if pl_module.automatic_optimization:  # else the step is part of `training_step`
            optimizer.step = self.timed("step", optimizer.step)


def split(parts: Parts) -> dict[str, float]:
    """Seconds of a run by what they are spent on."""
    clock = Clock()
    parts.trainer.callbacks.append(clock)
    loader = parts.data.train_dataloader
    parts.data.train_dataloader = lambda: TimedBatches(loader(), clock)
    run = one_run(parts)
    learnt = clock.seconds["forward"] + clock.seconds["backward"]
    found = {"data": clock.seconds["data"], "forward and backward": learnt}
    found["optimizer"] = max(0.0, clock.seconds["step"] - learnt)  # its closure computes the gradient
    found["framework"] = run["train"] - sum(found.values())
    return found | {"evaluation": run["test"]}


class TimedBatches:
    """A loader, whose making of batches is timed."""

    def __init__(self, batches: Any, clock: Clock):
        self._batches, self._clock = batches, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batches, name)

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self._batches)
        following = self._clock.timed("data", partial(next, batches, None))
        while (batch := following()) is not None:
            yield batch


# Against a bare loop


class EpochTimer(Callback):
    """When epochs began and ended."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_epoch_start(self, *_: Any) -> None:
        self._start = now()

    def on_train_epoch_end(self, *_: Any) -> None:
        self.seconds.append(now() - self._start)


def our_epoch(parts: Parts) -> float:
    """Seconds of the second epoch of two: the first one warms up, and captures."""
    timer = EpochTimer()
    parts.trainer.callbacks.append(timer)
    parts.trainer.fit(parts.learner, datamodule=parts.data)
    return timer.seconds[1]


def bare_epoch(parts: Parts) -> float:
    """The same of a loop of a few lines."""
    data, learner, device = parts.data, parts.learner, parts.trainer.strategy.root_device
    captured = device.type == "cuda" and isinstance(learner, CapturedClassifier)
    data.prepare_data()
    data.setup("fit")
    data.trainer, data.positions = parts.trainer, captured
    learner.to(device).train()
    if hasattr(learner.net, "init_from_images"):
        learner.net.init_from_images(data.some_images(5000, device))
    loader = data.train_dataloader()
    loop = BareLoop(parts, loader, captured, device)
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        start = now()
        for batch in loader:
            loop.learn(batch)
    return now() - start


class BareLoop:
    """What a step is without a Trainer."""

    def __init__(self, parts: Parts, loader: Any, captured: bool, device: torch.device):
        self.learner, self.loader, self.device = parts.learner, loader, device
        self.optimizer = parts.learner.configure_optimizers()
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.half = parts.trainer.precision == "bf16-mixed"
        self.epochs, self.per_epoch, self.done = parts.trainer.max_epochs, len(loader), 0
        self.graphs = CudaGraphs(device) if captured else None
        self.step: Callable[[Tensor], Any] | None = None

    def learn(self, batch: Any) -> None:
        self._set_rate()
        if self.graphs is None:
            self._update(*batch)
            return
        if self.step is None:
            for group in self.optimizer.param_groups:
                group["lr"] = torch.tensor(group["lr"], device=self.device)
            self.step = CapturedStep(self._pick_and_update, batch, list(self.learner.parameters()), self.graphs)
        self.step(batch)

    def _set_rate(self) -> None:
        factor = self.learner.lr_schedule(self.done, self.epochs * self.per_epoch, self.per_epoch)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            epochs = group.get("epochs")
            rate *= factor if epochs is None else falling(self.done, epochs, self.per_epoch)
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        self.done += 1

    def _pick_and_update(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        assert self.graphs is not None
        return self._update(*self.loader.make(positions, self.graphs.generator))

    def _update(self, images: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        self.optimizer.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half, cache_enabled=False):
            logits = self.learner.net(images)
            loss = self.learner.loss(logits, target)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), (logits.detach().argmax(dim=1) == target).sum()


def against_bare(overrides: list[str], repeats: int) -> dict[str, float]:
    config = make_config([*overrides, "trainer.max_epochs=2", "data.progressive_sizes=null"], seed=0)
    pairs = [(with_parts(config, our_epoch), with_parts(config, bare_epoch)) for _ in range(repeats)]
    ratios = [ours / bare for ours, bare in pairs]
    ours, bare = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {"ours": ours, "bare": bare, "ratio": statistics.median(ratios), "min": min(ratios), "max": max(ratios)}


def whole_process(overrides: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "train.py", *overrides, f"hydra.run.dir={folder}/run"]
        start = time.perf_counter()
        subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment")
    parser.add_argument("--runs", type=int, default=25, help="0: none")
    parser.add_argument("--root", help="folder that holds the data")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="overrides of the experiment")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--split", action="store_true")
    parser.add_argument("--bare", type=int, default=0, metavar="REPEATS")
    parser.add_argument("--process", action="store_true")
    parser.add_argument("--out", type=Path, help="JSON file")
    arguments = parser.parse_args()
    keep_freed_memory()
    if not torch.cuda.is_available():
        logging.disable(logging.WARNING)  # every run would say that it is not captured
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    overrides = [f"experiment={arguments.experiment}", *arguments.set]
    overrides += [f"data.root={arguments.root}"] if arguments.root else []
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    found: dict[str, Any] = {"experiment": arguments.experiment, "overrides": arguments.set, "device": device}
    found |= {"torch": torch.__version__, "date": date.today().isoformat()}
    print(f"{arguments.experiment} {' '.join(arguments.set)}: {device}, torch {torch.__version__}")
    if arguments.runs:
        found |= many_runs(overrides, arguments.runs)
    if arguments.split:
        found["split"] = with_parts(make_config(overrides, seed=0), split)
        print("split: " + "  ".join(f"{part} {seconds:.3f} s" for part, seconds in found["split"].items()))
    if arguments.bare:
        found["bare"] = against_bare(overrides, arguments.bare)
        line = "an epoch: ours {ours:.3f} s, bare {bare:.3f} s, ratio {ratio:.3f} ({min:.3f}-{max:.3f})"
        print(line.format(**found["bare"]))
    if arguments.process:
        found["process"] = whole_process(overrides)
        print(f"whole process: {found['process']:.1f} s")
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=2) + "\n")


def many_runs(overrides: list[str], count: int) -> dict[str, Any]:
    runs = []
    for seed in (count, *range(count)):  # the first one warms up
        run = with_parts(make_config(overrides, seed), one_run)
        print(f"seed {seed:3}  " + "  ".join(f"{name} {run[name]:.4f}" for name in FIGURES if name in run), flush=True)
        runs.append({"seed": seed} | run)
    means = summary(runs[1:])
    for name, figure in means.items():
        print("{:<12} {mean:.4f} ± {sd:.4f} ({min:.4f}-{max:.4f}), n = {}".format(name, count, **figure))
    return {"warm-up": runs[0], "runs": runs[1:], "summary": means}


if __name__ == "__main__":
    main()
