"""What our frame adds to starting up: `python benchmarks/startup.py [--repeats 9]`.

The same configs, composed by a script that only does `@hydra.main`, are the measure of `--cfg job` and of the answer to
a misspelt key (goal <= 1.3); importing torch, torchvision and lightning is the measure of the time from the start of
the process to the first training step on digits (goal <= 1.25). All are processes, run in turns; median and range.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
BARE = f"""
import hydra
from omegaconf import OmegaConf
OmegaConf.register_new_resolver("project_path", lambda path: path)
OmegaConf.register_new_resolver("run_dir", lambda: "unused")
@hydra.main(version_base="1.3", config_path={str(PROJECT / "conf")!r}, config_name="train")
def main(cfg): pass
main()
"""
IMPORTS = "import torch, torchvision, lightning"
# Ends the process where the optimizer would make its first step.
FIRST_STEP = f"""
import os, runpy, sys
from torch.optim.optimizer import register_optimizer_step_pre_hook
def stop(*_):
    sys.stdout.flush()
    os._exit(0)
register_optimizer_step_pre_hook(stop)
sys.path.insert(0, {str(PROJECT)!r})
runpy.run_path({str(PROJECT / "train.py")!r}, run_name="__main__")
sys.exit("no step was made")
"""


def seconds(arguments: list[str], expected_code: int) -> float:
    """Wall-clock seconds of one Python process."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    passed = time.perf_counter() - start
    if done.returncode != expected_code:
        raise SystemExit(f"{arguments} ended with {done.returncode}:\n{done.stderr}")
    return passed


def compare(name: str, ours: tuple[list[str], int], theirs: tuple[list[str], int], repeats: int, goal: float) -> None:
    """Measures both in turns and prints medians, ranges and the ratio of the medians."""
    seconds(*ours), seconds(*theirs)  # warm the caches of the file system
    pairs = [(seconds(*ours), seconds(*theirs)) for _ in range(repeats)]
    mine, other = zip(*pairs, strict=True)
    ratios = [a / b for a, b in pairs]
    print(
        f"{name:<22} {statistics.median(mine):7.3f} s ({min(mine):.3f} to {max(mine):.3f})"
        f"  against {statistics.median(other):7.3f} s ({min(other):.3f} to {max(other):.3f})"
        f"  ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), goal {goal}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    os.environ.pop("HYDRA_FULL_ERROR", None)
    train = str(PROJECT / "train.py")
    with tempfile.TemporaryDirectory() as folder:
        bare, first_step = Path(folder) / "bare.py", Path(folder) / "first_step.py"
        bare.write_text(BARE)
        first_step.write_text(FIRST_STEP)
        config = ["--cfg", "job"]
        compare("--cfg job", ([train, *config], 0), ([str(bare), *config], 0), repeats, 1.3)
        compare("a misspelt key", ([train, "modle=cnn"], 2), ([str(bare), "modle=cnn"], 1), repeats, 1.3)
        run = [str(first_step), "data=digits", f"hydra.run.dir={folder}/run"]
        compare("to the first step", (run, 0), (["-c", IMPORTS], 0), repeats, 1.25)


if __name__ == "__main__":
    main()
