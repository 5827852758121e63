"""What a sweep costs: `python benchmarks/sweeps.py [--jobs 50] [--repeats 3] [--root DIR] [--epochs 4]`.

`overhead`: seconds of a job in a sweep of one-step runs of a small network on digits, everything included that a run
does (config, data, network, checkpoints, test, files), against a job that does nothing, of Hydra's basic sweeper and
launcher on the same configs (goal <= 1.2). Both are processes, run in turns; a job's seconds are those of the whole
sweep less those of a sweep of one job, by the number of jobs that it has more. Median and range.

`joblib`, with `--root DIR` of MNIST: seconds of a sweep of 8 LeNet runs of some epochs, one after another with as many
threads as torch takes by itself, against two at a time by joblib (goal: >= 1.4x faster). Starting both processes is in.

`memory`: growth of the process from the 10th job of such a sweep to the last (goal: flat).
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
EMPTY = f"""
import sys
sys.path.insert(0, {str(PROJECT / "src")!r})
import hydra
from groundup.command.resolvers import register_resolvers
from pathlib import Path
register_resolvers(Path({str(PROJECT)!r}))
@hydra.main(version_base="1.3", config_path={str(PROJECT / "conf")!r}, config_name="train")
def main(cfg): pass
main()
"""
ONE_STEP = ["model=mlp", "model.hidden_dims=[16]", "+trainer.max_steps=1", "trainer.max_epochs=1"]
ONE_STEP += ["trainer.accelerator=cpu"]
# Prints the memory of the process after each job.
WATCHED = f"""
import runpy, sys
from pathlib import Path
import groundup.run.run
run = groundup.run.run.run
def watched(*arguments, **options):
    try:
        return run(*arguments, **options)
    finally:
        import gc
        gc.collect()
        print("resident", Path("/proc/self/statm").read_text().split()[1], flush=True)
groundup.run.run.run = watched
sys.path.insert(0, {str(PROJECT)!r})
runpy.run_path({str(PROJECT / "train.py")!r}, run_name="__main__")
"""


def sweep(script: list[str], jobs: int, *words: str) -> tuple[float, str]:
    """Seconds of a whole sweep of one-step runs, and what it said."""
    return timed_output(script, jobs, [*ONE_STEP, *words])


def timed(jobs: int, words: Sequence[str]) -> float:
    return timed_output([str(PROJECT / "train.py")], jobs, words)[0]


def timed_output(script: list[str], jobs: int, words: Sequence[str]) -> tuple[float, str]:
    with tempfile.TemporaryDirectory() as folder:
        line = [sys.executable, *script, "-m", f"seed=range(0,{jobs})", f"hydra.sweep.dir={folder}/s", *words]
        start = time.perf_counter()
        done = subprocess.run(line, capture_output=True, text=True)
        seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{line} ended with {done.returncode}:\n{done.stderr}")
    return seconds, done.stdout


def seconds_of_a_job(script: list[str], jobs: int, *words: str) -> float:
    one, all_of_them = sweep(script, 1, *words)[0], sweep(script, jobs, *words)[0]
    return (all_of_them - one) / (jobs - 1)


def overhead(folder: Path, jobs: int, repeats: int) -> None:
    empty = folder / "empty.py"
    empty.write_text(EMPTY)
    ours, theirs = [str(PROJECT / "train.py")], [str(empty)]
    pairs = [
        (seconds_of_a_job(ours, jobs), seconds_of_a_job(theirs, jobs, "hydra/sweeper=basic")) for _ in range(repeats)
    ]
    mine, other = zip(*pairs, strict=True)
    ratios = [a / b for a, b in pairs]
    print(
        f"a job of {jobs}, s  {statistics.median(mine):.3f} ({min(mine):.3f} to {max(mine):.3f})"
        f"  against {statistics.median(other):.3f} ({min(other):.3f} to {max(other):.3f})"
        f"  ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), goal 1.2"
    )


def side_by_side(root: Path, epochs: int, repeats: int) -> None:
    words = [
        "model=lenet",
        "data=mnist",
        f"data.root={root}",
        f"trainer.max_epochs={epochs}",
        "trainer.accelerator=cpu",
    ]
    by_joblib = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    pairs = [(timed(8, words), timed(8, [*words, *by_joblib])) for _ in range(repeats)]
    ratios = [one / two for one, two in pairs]
    for name, seconds in zip(("one after another", "two at a time"), zip(*pairs, strict=True), strict=True):
        print(f"8 LeNet runs of {epochs} epochs, {name}, s  {statistics.median(seconds):.1f} ({spread(seconds)})")
    print(f"times faster  {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), goal 1.4")


def spread(values: Sequence[float]) -> str:
    return f"{min(values):.1f} to {max(values):.1f}"


def memory(folder: Path, jobs: int) -> None:
    watched = folder / "watched.py"
    watched.write_text(WATCHED)
    pages = [int(number) for number in re.findall(r"^resident (\d+)$", sweep([str(watched)], jobs)[1], re.MULTILINE)]
    size = [number * os.sysconf("SC_PAGE_SIZE") / 2**20 for number in pages]
    print(
        f"memory, MiB: {size[0]:.0f} after the 1st job, {size[9]:.1f} after the 10th, {size[-1]:.1f} after job "
        f"{len(size)}: {(size[-1] - size[9]) / (len(size) - 10):.3f} a job"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--root", type=Path, help="the folder of MNIST, for `joblib`")
    parser.add_argument("--epochs", type=int, default=4, help="of a LeNet run")
    parser.add_argument("--only", choices=("memory", "overhead", "joblib"))
    asked = parser.parse_args()
    os.environ.pop("HYDRA_FULL_ERROR", None)
    with tempfile.TemporaryDirectory() as folder:
        if asked.only in (None, "memory"):
            memory(Path(folder), asked.jobs)
        if asked.only in (None, "overhead"):
            overhead(Path(folder), asked.jobs, asked.repeats)
    if asked.root is not None and asked.only in (None, "joblib"):
        side_by_side(asked.root.resolve(), asked.epochs, asked.repeats)


if __name__ == "__main__":
    main()
