"""NoProp beside what it is compared with: time of an epoch by schedule, memory of a step, time of steps and inference.

    python benchmarks/noprop.py [--root DIR] [--repeats 3] [--threads 1] [--accelerator cpu] [--only epoch memory step]

`epoch`: an epoch of `model.schedule=stacked` against one of `sequential`, with as many updates of each block, without
validation. They take turns; printed are median seconds, the median of the ratios of neighbours, and their range.
`memory`: what one training step keeps for the backward pass: storages counted once, without weights and images; on a
GPU also the most that was allocated in the step, above what was allocated before it. `step`: median seconds of a
training step with its update, and of the inference of 1,000 images; models take turns. All by the Trainer of a run, on
images of MNIST or CIFAR-10, 128 a step, ten blocks.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # else idle threads hold the cores that the others need

import torch
from hydra import compose, initialize_config_dir
from lightning.pytorch import Callback

from groundup.callbacks.interrupt import StopOnSignal
from groundup.command.resolvers import register_resolvers
from groundup.config.check import check
from groundup.notebook.backward_memory import kept_for_backward
from groundup.run.allocator import keep_freed_memory
from groundup.run.parts import Parts, assemble
from groundup.run.quiet import quiet

PROJECT = Path(__file__).resolve().parents[1]
FIXED = (
    *("optimizer=adamw", "scheduler=constant", "data.batch_size=128", "data.val_fraction=0"),
    *("callbacks.progress=null", "logger=none"),
)
SEQUENTIAL = ("model=noprop_dt", "model.schedule=sequential")
STACKED = ("model=noprop_dt", "model.schedule=stacked")
LINES = {  # of the tables: name, and the model's overrides
    "noprop_dt, sequential": SEQUENTIAL,
    "noprop_dt, stacked": STACKED,
    "noprop_backprop": ("model=noprop_backprop",),
    "block_ce": ("model=block_ce",),
    "block_local": ("model=block_local",),
    "block_ensemble": ("model=block_ensemble",),
    "noprop_ct": ("model=noprop_ct",),
    "noprop_fm": ("model=noprop_fm",),
    "forward_forward": ("model=forward_forward",),
    "feedback_alignment": ("model=feedback_alignment",),
}
STEPS = 4  # timed together: the first one warms up


class Watch(Callback):
    """Seconds of every step and of every epoch."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.epochs: list[float] = []

    def on_train_epoch_start(self, trainer, *_: object) -> None:
        self.epochs.append(-now(trainer))

    def on_train_epoch_end(self, trainer, *_: object) -> None:
        self.epochs[-1] += now(trainer)

    def on_train_batch_start(self, trainer, *_: object) -> None:
        self.steps.append(-now(trainer))

    def on_train_batch_end(self, trainer, *_: object) -> None:
        self.steps[-1] += now(trainer)


def now(trainer) -> float:
    """When all that the device was given is done."""
    if trainer.strategy.root_device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


class Peak(Callback):
    """The most that a step allocates on a GPU, above what was allocated before it."""

    bytes = 0

    def on_train_batch_start(self, *_: object) -> None:
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
            self.before = torch.cuda.memory_allocated()

    def on_train_batch_end(self, *_: object) -> None:
        if torch.cuda.is_available():
            self.bytes = torch.cuda.max_memory_allocated() - self.before


class Bench:
    """Runs by `python train.py`'s own parts.

    Args:
        root: folder that holds the data.
        accelerator: `cpu` or `cuda`.
    """

    def __init__(self, root: str | None, accelerator: str):
        self.always = [*FIXED, f"trainer.accelerator={accelerator}", *([f"data.root={root}"] if root else [])]

    def fit(self, *words: str, prepare: Callable[[Parts], None] = lambda parts: None) -> tuple[Parts, Watch]:
        """Trains, after `prepare` has had the parts."""
        register_resolvers(PROJECT)
        with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
            config = check(compose("train", [*self.always, *words]))
        watch = Watch()
        with tempfile.TemporaryDirectory() as folder, quiet(), StopOnSignal() as stop:
            parts = assemble(config, Path(folder), stop)
            parts.trainer.callbacks = [watch]
            prepare(parts)
            parts.trainer.fit(parts.learner, datamodule=parts.data)
        return parts, watch

    def epoch(self, words: tuple[str, ...], images: int) -> float:
        """Seconds of the second of two epochs."""
        _, watch = self.fit("data=mnist", *words, f"data.limit_train={images}", "trainer.max_epochs=2")
        return watch.epochs[1]

    def memory(self, data: str, words: tuple[str, ...]) -> tuple[int, int]:
        """Bytes kept for the backward pass, and most bytes of the GPU in the step."""
        seen: list[int] = []
        peak = Peak()

        def prepare(parts: Parts) -> None:
            step = parts.learner.training_step

            def watched(batch, batch_idx):
                with kept_for_backward(parts.learner, *batch) as storages:
                    loss = step(batch, batch_idx)
                seen.append(sum(storages.values()))
                return loss

            parts.learner.training_step = watched
            parts.trainer.callbacks.append(peak)

        one_step = ("data.limit_train=128", "trainer.max_epochs=1", "+trainer.max_steps=1")
        self.fit(f"data={data}", *words, *one_step, prepare=prepare)
        return seen[0], peak.bytes

    def step(self, words: tuple[str, ...]) -> tuple[list[float], float]:
        """Seconds of training steps, and of the inference of 1,000 images."""
        few = (f"+trainer.max_steps={STEPS}", "trainer.max_epochs=1")
        parts, watch = self.fit("data=mnist", *words, *few, "data.limit_train=1000", "data.limit_test=1000")
        parts.data.setup("test")
        images, _ = next(iter(parts.data.test_dataloader()))
        parts.learner.eval().to(images.device)
        start = now(parts.trainer)
        with torch.inference_mode():
            parts.learner(images)
        return watch.steps[1:], now(parts.trainer) - start


def show_epoch(bench: Bench, repeats: int, images: int) -> None:
    pairs = [(bench.epoch(SEQUENTIAL, images), bench.epoch(STACKED, images)) for _ in range(repeats)]
    one_by_one, at_once = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratios = sorted(a / b for a, b in pairs)
    print(f"\nepoch of {images} images of MNIST     sequential s  stacked s  sequential / stacked (range)")
    spread = f"({ratios[0]:.2f}-{ratios[-1]:.2f})"
    print(f"{'':34} {one_by_one:9.2f}  {at_once:9.2f}  {statistics.median(ratios):6.2f} {spread}")


def show_memory(bench: Bench) -> None:
    for data in ("mnist", "cifar10"):
        print(f"\nmemory of a step, {data:8} MB kept  of back-propagation's  MB on the GPU")
        bench.memory(data, SEQUENTIAL)  # warms up: libraries take memory of their own
        figures = {name: bench.memory(data, words) for name, words in list(LINES.items())[:6]}
        whole, _ = figures["noprop_backprop"]
        for name, (kept, peak) in figures.items():
            print(f"{name:24} {kept / 1e6:9.1f}  {kept / whole:21.3f}  {f'{peak / 1e6:.1f}' if peak else '-':>13}")


def show_step(bench: Bench, repeats: int) -> None:
    steps: dict[str, list[float]] = {name: [] for name in LINES}
    inference: dict[str, list[float]] = {name: [] for name in LINES}
    for _ in range(repeats):
        for name, words in LINES.items():
            more, taken = bench.step(words)
            steps[name] += more
            inference[name].append(taken)
    print("\nMNIST, ms                training step (range)       inference of 1,000 images (range)")
    for name in LINES:
        print(f"{name:24} {spread_ms(steps[name]):26}  {spread_ms(inference[name])}")


def spread_ms(seconds: list[float]) -> str:
    median, low, high = (1000 * value for value in (statistics.median(seconds), min(seconds), max(seconds)))
    return f"{median:.1f} ({low:.1f}-{high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="folder that holds MNIST and CIFAR-10")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--accelerator", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--images", type=int, help="of an epoch; 512, on a GPU 55,000")
    parser.add_argument("--only", nargs="+", choices=("epoch", "memory", "step"), default=["epoch", "memory", "step"])
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(arguments.threads)
    logging.getLogger().setLevel(logging.WARNING)
    on_gpu = arguments.accelerator == "cuda"
    where = torch.cuda.get_device_name() if on_gpu else "CPU"
    print(f"torch {torch.__version__}, {where}, {arguments.threads} threads, {arguments.repeats} repeats")
    bench = Bench(arguments.root, arguments.accelerator)
    if "epoch" in arguments.only:
        show_epoch(bench, arguments.repeats, arguments.images or (55_000 if on_gpu else 512))
    if "memory" in arguments.only:
        show_memory(bench)
    if "step" in arguments.only:
        show_step(bench, arguments.repeats)


if __name__ == "__main__":
    main()
