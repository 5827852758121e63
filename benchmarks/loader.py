"""Batches per second of MNIST, batch 64, normalised: this project's loader against torchvision's usual pipeline.

    python benchmarks/loader.py --root DIR

Both run in turns in one process. The goal is a ratio of at least 60.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Iterable
from datetime import date
from itertools import islice

import torch
from torch.utils.data import DataLoader

from groundup.config.extras import exit_without
from groundup.data.module import ImageData
from groundup.data.specs import make_spec

try:
    from torchvision import transforms
    from torchvision.datasets import MNIST
except ModuleNotFoundError as error:
    exit_without(error, "dev")

BATCH_SIZE = 64


def ours(root: str) -> Iterable:
    spec = make_spec({"name": "mnist"})
    data = ImageData(spec, root, batch_size=BATCH_SIZE, val_fraction=0)
    data.prepare_data()
    data.setup("fit")
    return data.train_dataloader()


def usual(root: str) -> Iterable:
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    return DataLoader(MNIST(root, transform=transform), batch_size=BATCH_SIZE, shuffle=True)


def batches_per_second(loader: Iterable, count: int) -> float:
    start = time.perf_counter()
    done = sum(1 for _ in islice(loader, count))
    return done / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True, help="folder of MNIST in torchvision's layout")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=None, help="of torch; as many as there are cores unless given")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    fast, slow = ours(arguments.root), usual(arguments.root)
    batches_per_second(fast, 100)
    batches_per_second(slow, 10)
    rates = [(batches_per_second(fast, 938), batches_per_second(slow, 60)) for _ in range(arguments.repeats)]

    print(f"{date.today()}, {platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for name, column in zip(("groundup", "torchvision + DataLoader"), zip(*rates, strict=True), strict=True):
        print(f"{name:>25}: {statistics.median(column):9.0f} batches/s  ({min(column):.0f} to {max(column):.0f})")
    ratios = [a / b for a, b in rates]
    print(
        f"{'ratio':>25}: {statistics.median(ratios):9.0f}            ({min(ratios):.0f} to {max(ratios):.0f}), goal 60"
    )


if __name__ == "__main__":
    main()
