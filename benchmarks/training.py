"""Time of a training epoch, everything on, against a bare PyTorch loop over tensors in memory.

    python benchmarks/training.py [--root DIR] [--repeats 5] [--threads 2] [--only mlp64 lenet64 ...]

Both sides train the same network on the same 55,000 MNIST images with the same optimizer, and validate on the other
5,000, loss and accuracy. Ours runs as `python train.py` does: progress bar (on a pseudo-terminal), TensorBoard,
metrics.csv, checkpoints. The bare loop holds the images normalised as float32, so that indexing is all that a batch
costs it. They take turns in one process, an epoch each; printed are medians of an epoch's seconds, the median of the
ratios of neighbours, and their range.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import statistics
import struct
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # else idle threads hold the cores that the others need

import torch
from hydra import compose, initialize_config_dir
from lightning.pytorch import Callback

from groundup.callbacks.interrupt import StopOnSignal
from groundup.command.resolvers import register_resolvers
from groundup.config.build import build
from groundup.config.check import check
from groundup.data.specs import make_spec
from groundup.run.allocator import keep_freed_memory
from groundup.run.learners import build_learner
from groundup.run.parts import assemble
from groundup.run.quiet import quiet

PROJECT = Path(__file__).resolve().parents[1]
MLP = ["model=mlp", "model.hidden_dims=[512,512]"]
TEMPLATE = ["model=mlp", "model.hidden_dims=[64,128,64]", "model.batch_norm=true", "optimizer=adam"]
CASES = {  # overrides, and the largest ratio aimed at
    "mlp64": ([*MLP, "data.batch_size=64"], 1.35),
    "mlp512": ([*MLP, "data.batch_size=512"], 1.10),
    "lenet64": (["model=lenet", "data.batch_size=64"], 1.20),
    "template128": ([*TEMPLATE, "data.batch_size=128"], None),  # the net of lightning-hydra-template's default run
}


class EpochTimer(Callback):
    """Seconds from one epoch's start to the next one's: validation, checkpoints and logs are in it."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def on_train_epoch_start(self, *_: object) -> None:
        self.marks.append(time.perf_counter())


def our_epoch(config: dict) -> float:
    """The second of three epochs: the first one warms up, the last one ends the training too."""
    timer = EpochTimer()
    with tempfile.TemporaryDirectory() as folder, quiet(), StopOnSignal() as stop:
        parts = assemble(config, Path(folder), stop)
        parts.trainer.callbacks.insert(0, timer)
        parts.trainer.fit(parts.learner, datamodule=parts.data)
    return timer.marks[2] - timer.marks[1]


def bare_epoch(config: dict) -> float:
    """The second epoch of a loop as anyone would write it, with the same network, memory layout and optimizer."""
    spec = make_spec(config["data"])
    data = build(config["data"], spec=spec, seed=0)
    data.prepare_data()
    data.setup("fit")
    (x, y), (x_val, y_val) = (_floats(data.splits[name], spec) for name in ("train", "val"))
    net = build_learner(config, spec).net
    optimizer = build(config["optimizer"])(net.parameters())
    for _ in range(2):
        start = time.perf_counter()
        net.train()
        order = torch.randperm(len(x))
        for i in range(0, len(x), config["data"]["batch_size"]):
            index = order[i : i + config["data"]["batch_size"]]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(x[index]), y[index]).backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            hits, loss = 0, 0.0
            for i in range(0, len(x_val), 1000):
                logits = net(x_val[i : i + 1000])
                loss += torch.nn.functional.cross_entropy(logits, y_val[i : i + 1000], reduction="sum").item()
                hits += (logits.argmax(1) == y_val[i : i + 1000]).sum().item()
        seconds = time.perf_counter() - start
    return seconds


def _floats(images, spec) -> tuple[torch.Tensor, torch.Tensor]:
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (spec.mean, spec.std))
    return (images.pixels.float() / 255 - mean) / std, images.labels


def make_config(overrides: list[str], root: str | None) -> dict:
    fixed = ["data=mnist", "data.val_fraction=0.083333", "trainer.max_epochs=3", "trainer.accelerator=cpu"]
    register_resolvers(PROJECT)
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        return check(compose("train", [*fixed, *overrides, *([f"data.root={root}"] if root else [])]))


@contextmanager
def terminal() -> Iterator[None]:
    """Standard error on a pseudo-terminal, so that the progress bar draws itself as it would for a user."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))  # a bar needs a width
    threading.Thread(target=_drain, args=(leader,), daemon=True).start()
    before, sys.stderr = sys.stderr, os.fdopen(follower, "w")
    try:
        yield
    finally:
        sys.stderr.close()
        sys.stderr = before


def _drain(leader: int) -> None:
    with suppress(OSError):  # the other end was closed
        while os.read(leader, 65536):
            continue
    os.close(leader)


def compare(ours: Callable[[], float], bare: Callable[[], float], repeats: int) -> tuple[float, float, list[float]]:
    """Median seconds of both, and the sorted ratios of neighbouring measurements."""
    pairs = [(ours(), bare()) for _ in range(repeats)]
    medians = [statistics.median(side) for side in zip(*pairs, strict=True)]
    return medians[0], medians[1], sorted(a / b for a, b in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="folder that holds MNIST")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, {arguments.threads} threads, {arguments.repeats} repeats")
    print("case         ours s   bare s   ratio  (range)      goal")
    for name in arguments.only:
        overrides, goal = CASES[name]
        config = make_config(overrides, arguments.root)
        with terminal():
            ours, bare, ratios = compare(lambda: our_epoch(config), lambda: bare_epoch(config), arguments.repeats)  # noqa: B023
        spread = f"({ratios[0]:.2f}-{ratios[-1]:.2f})"
        print(f"{name:<12} {ours:6.2f}   {bare:6.2f}   {statistics.median(ratios):.2f}   {spread:<13} {goal or '-'}")


if __name__ == "__main__":
    main()
