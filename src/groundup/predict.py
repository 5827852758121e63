"""Classes of new images, by a finished run."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from groundup.assemble import build_learner
from groundup.checkpoint import load_checkpoint, put_weights, spec_in
from groundup.data.folder import EXTENSIONS
from groundup.data.images import read_image
from groundup.errors import UserError
from groundup.learning.learner import Learner
from groundup.rundir import building_from, find_checkpoint, read_config
from groundup.spec import DatasetSpec

BATCH = 256


@dataclass(frozen=True)
class Prediction:
    """The class of one image and how probable the network holds it, 0..1; the likeliest first where several."""

    image: Path
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]


def predict(run_dir: Path, images: Path, ckpt: str = "best", top: int = 1) -> list[Prediction]:
    """Classifies image files as the run's network sees them: its colours, its size, its normalisation.

    Args:
        images: a file or a folder; all images below a folder are taken.
        top: how many classes an image.

    Raises:
        UserError: no such run, checkpoint or images; an image that cannot be read or is too large to decode.
    """
    config = read_config(run_dir)
    checkpoint_file = find_checkpoint(run_dir, ckpt)
    files = find_images(images)
    checkpoint = load_checkpoint(checkpoint_file)
    spec = spec_in(checkpoint, checkpoint_file)
    with building_from(run_dir):
        learner = build_learner(config, spec)
    put_weights(learner, checkpoint, checkpoint_file)
    learner.eval()
    predictions: list[Prediction] = []
    for start in range(0, len(files), BATCH):
        part = files[start : start + BATCH]
        batch = torch.stack([read_image(file, spec.channels, spec.image_size) for file in part])
        predictions += _classify(learner, spec, part, batch, min(top, spec.num_classes))
    return predictions


def find_images(images: Path) -> list[Path]:
    """The image files that `images` stands for, sorted.

    Raises:
        UserError: there are none.
    """
    if images.is_file():
        return [images]
    if not images.is_dir():
        raise UserError(f"images={images}: no such file or folder")
    files = sorted(path for path in images.rglob("*") if path.suffix.lower() in EXTENSIONS)
    if not files:
        raise UserError(f"images={images}: no images below it; accepted: {', '.join(EXTENSIONS)}")
    return files


@torch.inference_mode()
def _classify(learner: Learner, spec: DatasetSpec, files: list[Path], images: Tensor, top: int) -> list[Prediction]:
    mean = torch.tensor(spec.mean).view(1, -1, 1, 1)
    std = torch.tensor(spec.std).view(1, -1, 1, 1)
    outputs = learner(((images.float() / 255 - mean) / std).to(learner.dtype))
    probabilities, classes = learner.probabilities(outputs).topk(top)
    return [
        Prediction(file, tuple(spec.class_names[c] for c in row), tuple(p))
        for file, row, p in zip(files, classes.tolist(), probabilities.tolist(), strict=True)
    ]


def write_csv(predictions: Iterable[Prediction], file: Path) -> None:
    """One row per image and class: `image, rank, class, probability`.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        with file.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["image", "rank", "class", "probability"])
            for prediction in predictions:
                pairs = zip(prediction.classes, prediction.probabilities, strict=True)
                for rank, (name, probability) in enumerate(pairs, start=1):
                    writer.writerow([prediction.image, rank, name, f"{probability:.6f}"])
    except OSError as error:
        raise UserError(f"out={file}: cannot be written: {error.strerror}") from error
