"""Draws docs/images/picture.png: training curves of a run on digits beside test images and their predicted classes.

python train.py
pip install -e ".[notebooks]" && python docs/make_picture.py outputs/runs/cnn-digits/DIR
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from groundup.config.build import build
from groundup.data.specs import make_spec
from groundup.learning.checkpoint import load_weights
from groundup.run.learners import build_learner
from groundup.run.readback import read_config
from groundup.rundir.directory import find_checkpoint

ROWS, COLUMNS = 4, 8
RIGHT, WRONG = "tab:green", "tab:red"


def draw_curves(axes: Axes, run_dir: Path) -> None:
    """Accuracy by epoch on the training and the validation images, as `metrics.csv` has it."""
    with (run_dir / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    epochs = [int(row["epoch"]) + 1 for row in rows]
    for split in ("train", "val"):
        axes.plot(epochs, [float(row[f"{split}/acc"]) for row in rows], marker="o", markersize=3, label=f"{split}/acc")
    axes.set(xlabel="epoch", ylim=(0.6, 1.01), title="accuracy")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")


def draw_digits(figure: SubFigure, run_dir: Path) -> None:
    """The first test images with the class that the run's best checkpoint gives them: green where it is right."""
    config = read_config(run_dir, ("data", "model", "loss"))
    spec = make_spec(config["data"])
    data = build(config["data"], spec=spec, seed=config["seed"])
    data.setup("test")
    images, labels = next(iter(data.test_dataloader()))
    learner = build_learner(config, spec).eval()
    load_weights(learner, find_checkpoint(run_dir, "best"))
    with torch.inference_mode():
        predicted = learner.predict_logits(images[: ROWS * COLUMNS]).argmax(dim=1)
    cells = figure.subplots(ROWS, COLUMNS).flat
    for axes, image, label, guess in zip(cells, images, labels, predicted, strict=False):
        axes.imshow(image[0], cmap="gray")
        axes.set_title(spec.class_names[guess], color=RIGHT if guess == label else WRONG, fontsize=9, pad=2)
        axes.axis("off")
    figure.suptitle("test images, predicted class", fontsize=12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run directory")
    run_dir = parser.parse_args().run
    figure = plt.figure(figsize=(10, 3.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.2))
    draw_curves(left.subplots(), run_dir)
    draw_digits(right, run_dir)
    figure.savefig(Path(__file__).parent / "images" / "picture.png", dpi=110)


if __name__ == "__main__":
    main()
