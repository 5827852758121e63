"""What the mean curves of a sweep cost: `python benchmarks/means.py SWEEP [--repeats 5]`.

Seconds of reading `metrics.csv` of all jobs and writing `means/`, in a process that has imported what a sweep has, with
TensorBoard's formats imported (`cold`, once a sweep) and without (`warm`), and their share of the seconds that the jobs
have trained. Goal: less than 1 %. The curves are written anew; nothing else of the sweep is touched.

On two shared x86-64 cores, 2026-11-29, of `model=mlp,lenet optimizer.lr=0.1,0.01 seed=0,1,2 data=mnist
trainer.max_epochs=5`: cold 0.49 s (0.27 to 0.60), 0.18 % of 273 s of training; warm 0.07 s.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from groundup.rundir.jobs import read_jobs
from groundup.rundir.table import make_table
from groundup.sweep.means import write_means


def seconds(sweep: Path) -> tuple[float, float]:
    """Of the first time in this process, and of a second one."""
    table, times = make_table(sweep, read_jobs(sweep)), []
    for _ in range(2):
        began = time.perf_counter()
        write_means(sweep, table)
        times.append(time.perf_counter() - began)
    return times[0], times[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=Path)
    parser.add_argument("--repeats", type=int, default=5, help="processes")
    parser.add_argument("--once", action="store_true", help="in this process, without shares")
    asked = parser.parse_args()
    if asked.once:
        print(*seconds(asked.sweep))
        return
    words = [sys.executable, __file__, str(asked.sweep), "--once"]
    runs = [subprocess.run(words, check=True, capture_output=True, text=True).stdout for _ in range(asked.repeats)]
    jobs = make_table(asked.sweep, read_jobs(asked.sweep)).jobs
    trained = sum(state.results.get("train_seconds") or 0.0 for _, state in jobs)
    for name, times in zip(("cold", "warm"), zip(*(map(float, run.split()) for run in runs), strict=True), strict=True):
        middle = statistics.median(times)
        print(
            f"{name}  {middle:.3f} s ({min(times):.3f} to {max(times):.3f}), {100 * middle / trained:.2f} %", end="  "
        )
        print(f"of {trained:.0f} s of training, {len(jobs)} jobs")


if __name__ == "__main__":
    main()
