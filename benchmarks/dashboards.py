"""What TensorBoard costs a run: `python benchmarks/dashboards.py [--root DIR] [--repeats 5] [--only CASE …]`.

`total`: seconds of whole runs, test included, with `callbacks=default` against the same with nothing but the callbacks
that were there for the run itself (progress, metrics.csv, checkpoints); they take turns in one process. Printed are
medians and the median of the ratios of neighbours with their range (goal <= 1.05), then the same of CPU seconds, which
other work on the machine disturbs less. `everything` likewise, without a goal.

`parts`: of one run with `callbacks=everything`, the seconds inside each part's hooks, in percent of the rest of the
run, and the bytes of the event files.

Cases are `digits`, the default run, and `digits_mlp`; with `--root DIR` of MNIST, three epochs of `mnist_lenet`,
`mnist_cnn` (width 16) and `mnist_mlp`.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # else idle threads hold the cores that the others need

import torch
from hydra import compose, initialize_config_dir

from groundup.callbacks.watcher import Watcher
from groundup.command.resolvers import register_resolvers
from groundup.config.check import check
from groundup.run.run import run

PROJECT = Path(__file__).resolve().parents[1]
MNIST = ["data=mnist", "trainer.max_epochs=3"]
CASES = {
    "digits": [],
    "digits_mlp": ["model=mlp"],  # half a second: what a run costs that is all beginning and end
    "mnist_lenet": [*MNIST, "model=lenet", "data.batch_size=64"],
    "mnist_cnn": [*MNIST, "model=cnn", "model.width=16"],
    "mnist_mlp": [*MNIST, "model=mlp", "data.batch_size=64"],
}
OF_THE_RUN = ("progress", "metrics_csv", "checkpoints")
HOOKS = [name for name in dir(Watcher) if name.startswith("on_")]
GOAL = 1.05


def make_config(case: str, callbacks: str, root: str | None) -> dict[str, Any]:
    words = [*CASES[case], f"callbacks={callbacks}", "trainer.accelerator=cpu"]
    register_resolvers(PROJECT)
    with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        return check(compose("train", [*words, *([f"data.root={root}"] if root else [])]))


def without_parts(config: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: config["callbacks"][name] for name in OF_THE_RUN}
    return {**config, "callbacks": kept}


def measure(config: Mapping[str, Any]) -> tuple[float, float, int]:
    """Wall seconds and CPU seconds of a run, and bytes of its event files."""
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        run(config, Path(folder))
        seconds = time.perf_counter() - wall, time.process_time() - cpu
        return *seconds, sum(file.stat().st_size for file in Path(folder).glob("events.*"))


def compare(case: str, callbacks: str, root: str | None, repeats: int) -> None:
    config = make_config(case, callbacks, root)
    pairs = [(measure(config), measure(without_parts(config))) for _ in range(repeats)]
    for number, kind in enumerate(("wall", "CPU")):
        ours, bare = (statistics.median(side[number] for side in sides) for sides in zip(*pairs, strict=True))
        ratios = sorted(with_parts[number] / without[number] for with_parts, without in pairs)
        spread = f"({ratios[0]:.3f} to {ratios[-1]:.3f})"
        goal = f"   goal <= {GOAL}" if callbacks == "default" else ""
        print(f"{case:<12} {callbacks:<10} {kind:<4} {ours:7.2f} s  against {bare:7.2f} s   ", end="")
        print(f"{statistics.median(ratios):.3f} {spread}{goal}", flush=True)
    ours, bare = (statistics.median(side[2] for side in sides) for sides in zip(*pairs, strict=True))
    print(f"{case:<12} {callbacks:<10} files {ours / 2**20:.2f} MiB  against {bare / 2**20:.2f} MiB", flush=True)


def show_parts(case: str, root: str | None) -> None:
    """Seconds inside the hooks of each part."""
    spent: dict[str, float] = defaultdict(float)
    originals = {kind: _time_hooks(kind, spent) for kind in _kinds()}
    try:
        total, _, _ = measure(make_config(case, "everything", root))
    finally:
        for kind, hooks in originals.items():
            for name, hook in hooks.items():
                setattr(kind, name, hook)
    rest = total - sum(spent.values())
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"{case:<12} {name:<14} {1000 * seconds:8.1f} ms   {100 * seconds / rest:5.2f} %", flush=True)


def _kinds() -> list[type[Watcher]]:
    """The classes that write, those that others inherit from left out."""
    found, kinds = [Watcher], []
    while found:
        kind = found.pop()
        found += kind.__subclasses__()
        if not kind.__subclasses__():
            kinds.append(kind)
    return kinds


def _time_hooks(kind: type[Watcher], spent: dict[str, float]) -> dict[str, Any]:
    before = {name: hook for name in HOOKS if callable(hook := getattr(kind, name))}

    def timed(hook: Any) -> Any:
        @functools.wraps(hook)
        def call(*arguments: Any, **options: Any) -> None:
            start = time.perf_counter()
            hook(*arguments, **options)
            spent[kind.__name__] += time.perf_counter() - start

        return call

    for name, hook in before.items():
        if hook is not getattr(Watcher.__mro__[1], name, None):  # Lightning's own, empty ones cost what they cost
            setattr(kind, name, timed(hook))
    return before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="folder that holds MNIST")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=CASES)
    parser.add_argument("--skip-everything", action="store_true", help="compare the default parts alone")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, {arguments.threads} threads, {arguments.repeats} repeats")
    for case in arguments.only or (CASES if arguments.root else ["digits", "digits_mlp"]):
        measure(make_config(case, "everything", arguments.root))  # warms up: imports, files
        show_parts(case, arguments.root)
        for callbacks in ("default",) if arguments.skip_everything else ("default", "everything"):
            compare(case, callbacks, arguments.root, arguments.repeats)


if __name__ == "__main__":
    main()
