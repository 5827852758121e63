"""What it saves a training step on a CPU that freed memory is kept, see `groundup.run.allocator`.

    python benchmarks/allocator.py [--repeats 5] [--steps 6] [--threads 1]

Each measurement is a process of its own, for an allocator cannot be told to forget; with and without take turns.
Printed are medians of a step's CPU seconds, forward and backward, the median of the ratios of neighbours, and their
range.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

CASES = {  # overrides, and images a step
    "cnn, 3x32x32, 32 bits": (["model=cnn", "data=cifar10"], 128, "float32"),
    "speednet, 3x32x32, bf16": (["model=speednet", "data=cifar10"], 500, "bfloat16"),
    "block_ce, 1x28x28, bf16": (["model=block_ce", "data=mnist"], 128, "bfloat16"),
    "lenet, 1x28x28, 32 bits": (["model=lenet", "data=mnist"], 64, "float32"),
}


def step_seconds(name: str, keep: bool, steps: int, threads: int) -> float:
    """Median CPU seconds of a step in this process."""
    import time
    from pathlib import Path

    import torch
    from hydra import compose, initialize_config_dir

    from groundup.command.resolvers import register_resolvers
    from groundup.config.check import check
    from groundup.data.specs import make_spec
    from groundup.run.allocator import keep_freed_memory
    from groundup.run.learners import build_learner

    if keep:
        keep_freed_memory()
    torch.set_num_threads(threads)
    overrides, images, kind = CASES[name]
    project = Path(__file__).resolve().parents[1]
    register_resolvers(project)
    with initialize_config_dir(str(project / "conf"), version_base="1.3"):
        config = check(compose("train", overrides))
    spec = make_spec(config["data"])
    net = build_learner(config, spec).net.train()
    x = torch.randn(images, spec.channels, *spec.image_size).to(memory_format=torch.channels_last)
    target = torch.arange(images) % spec.num_classes
    dtype = getattr(torch, kind)
    seconds = []
    for _ in range(steps + 2):  # two to warm up
        start = time.process_time()
        net.zero_grad()
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            loss = torch.nn.functional.cross_entropy(net(x), target)
        loss.backward()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds[2:])


def measure(name: str, side: str, steps: int, threads: int) -> float:
    command = [sys.executable, __file__, "--steps", str(steps), "--threads", str(threads), "--measure", name, side]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        name, side = arguments.measure
        print(step_seconds(name, side == "kept", arguments.steps, arguments.threads))
        return
    print("case                      kept ms   left ms   ratio  (range)")
    for name in CASES:
        pairs = [
            [measure(name, side, arguments.steps, arguments.threads) for side in ("kept", "left")]
            for _ in range(arguments.repeats)
        ]
        kept, left = (1000 * statistics.median(side) for side in zip(*pairs, strict=True))
        ratios = sorted(a / b for a, b in pairs)
        print(f"{name:<25} {kept:7.1f}   {left:7.1f}   {statistics.median(ratios):.2f}   ", end="")
        print(f"({ratios[0]:.2f}-{ratios[-1]:.2f})", flush=True)


if __name__ == "__main__":
    main()
