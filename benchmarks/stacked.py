"""A stack of runs trained at once, against the same runs one after another in one process.

    python benchmarks/stacked.py [--root DIR] [--repeats 3] [--threads 2] [--only mlp16 lenet8 mlp64_gpu]

Both sides write the run directories of all jobs: config, metrics, TensorBoard, checkpoints, results, but no pictures
unless `--pictures` asks for them: drawn job by job, they take 0.1 s of each however it is trained. They take turns;
printed are medians of the seconds from the first job's begin to the last one's end, the median of the ratios of
neighbours, and their range.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # else idle threads hold the cores that the others need

import torch
from hydra import compose, initialize_config_dir

from groundup.command.resolvers import register_resolvers
from groundup.config.check import check
from groundup.run.run import run
from groundup.sweep.stacked.training import train_stacked

PROJECT = Path(__file__).resolve().parents[1]
RATES = ("0.003", "0.01", "0.03", "0.1")  # at 0.3 the small MLP is chaotic: rounding alone moves its accuracy
SMALL = ["model=mlp", "model.hidden_dims=[64]", "data.batch_size=64", "trainer.accelerator=cpu"]
LENET = ["model=lenet", "data.batch_size=64", "data.limit_train=12000", "trainer.accelerator=cpu"]
LARGE = ["model=mlp", "model.hidden_dims=[512,512]", "data.batch_size=128", "trainer.accelerator=cuda"]
PICTURES = ("samples", "filters", "confusion", "per_class", "mistakes", "reliability")
CASES = {  # overrides, learning rates, seeds, and how many times faster at least
    "mlp16": (SMALL, RATES, range(4), 4.0),
    "lenet8": (LENET, RATES, range(2), None),
    "mlp64_gpu": (LARGE, RATES, range(16), 10.0),
}


def make_configs(overrides: list[str], rates: tuple[str, ...], seeds: range, root: str | None) -> list[dict]:
    register_resolvers(PROJECT)
    fixed = ["data=mnist", "trainer.max_epochs=1", *([f"data.root={root}"] if root else [])]
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        return [
            check(compose("train", [*fixed, *overrides, f"optimizer.lr={rate}", f"seed={seed}"]))
            for rate, seed in itertools.product(rates, seeds)
        ]


def one_by_one(configs: list[dict], folder: Path) -> list[float]:
    return [run(config, folder / str(number))["test/acc"] for number, config in enumerate(configs)]


def at_once(configs: list[dict], folder: Path) -> list[float]:
    outcomes = train_stacked([(config, folder / str(number), ()) for number, config in enumerate(configs)])
    return [outcome["test/acc"] for outcome in outcomes]  # type: ignore[index]


def timed(side, configs: list[dict]) -> tuple[float, list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        accuracies = side(configs, Path(folder))
        return time.perf_counter() - start, accuracies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="folder that holds MNIST")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pictures", action="store_true")
    parser.add_argument("--only", nargs="+", choices=CASES, default=["mlp16", "lenet8"])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logging.getLogger().setLevel(logging.WARNING)
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    print(f"torch {torch.__version__}, {where}, {arguments.threads} threads, {arguments.repeats} repeats")
    print("case        jobs  one by one s  at once s  faster  (range)      goal   mean test/acc of both")
    for name in arguments.only:
        overrides, rates, seeds, goal = CASES[name]
        without = [] if arguments.pictures else [f"callbacks.{name}=null" for name in PICTURES]
        configs = make_configs([*overrides, *without], rates, seeds, arguments.root)
        timed(at_once, configs[:2])  # warms up: data files into the page cache, the GPU's libraries
        timed(one_by_one, configs[:1])
        pairs = [(timed(one_by_one, configs), timed(at_once, configs)) for _ in range(arguments.repeats)]
        alone, stacked = (statistics.median(pair[side][0] for pair in pairs) for side in (0, 1))
        ratios = sorted(a[0] / b[0] for a, b in pairs)
        means = "  ".join(f"{statistics.mean(accuracies):.4f}" for _, accuracies in pairs[0])
        faster, spread = f"{statistics.median(ratios):5.1f}x", f"({ratios[0]:.1f}-{ratios[-1]:.1f})"
        aim = f"{goal:g}x" if goal else "-"
        print(f"{name:<11} {len(configs):4}  {alone:12.2f}  {stacked:9.2f}  {faster}  {spread:<11} {aim:>5}   {means}")


if __name__ == "__main__":
    main()
