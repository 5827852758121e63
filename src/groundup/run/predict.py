"""Classes of new images, by a finished run."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from groundup.config.own_code import warn_of_other_code
from groundup.config.rooms import options_of
from groundup.config.sizes import refuse_heavy_images
from groundup.data.folder import EXTENSIONS, image_files_below
from groundup.data.images import Manner, manner_of, read_image
from groundup.errors import UserError
from groundup.learning.checkpoint import load_checkpoint, spec_in
from groundup.learning.companion import put_checkpoint
from groundup.learning.predictor import Predictor, probabilities_of
from groundup.learning.random_numbers import INFERENCE, seed_all
from groundup.printable import printable
from groundup.run.allocator import keep_freed_memory
from groundup.run.learners import build_predictor
from groundup.run.readback import building_from, read_config, warn_of_pruned
from groundup.run.trials import check_answer, refuse_sigmoids
from groundup.run.weigh import refuse_heavy_parts
from groundup.rundir.directory import find_checkpoint
from groundup.rundir.identity import refuse_another_network
from groundup.seeds import mix_seed
from groundup.spec import DatasetSpec

BATCH = 256


@dataclass(frozen=True)
class Prediction:
    """The class of one image and how probable the network holds it, 0..1; the likeliest first where several.

    Attributes:
        error: why it has no class; None where it has.
    """

    image: Path
    classes: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    error: str | None = None


def predict(
    run_dir: Path, images: Path, ckpt: str = "best", top: int = 1, trust: Collection[str] = ()
) -> Iterator[Prediction]:
    """Classifies image files as the run's network sees them: its colours, size, background and normalisation.

    Args:
        images: a file of any name, or a folder; all images below a folder are taken, hidden ones passed over.
        top: how many classes an image.
        trust: packages of your own, parts of which the run's network and loss may be; see `config.trusted`.

    Returns:
        A prediction for each file, in their order, as soon as its batch is done. One that cannot be read has an
        `error` and holds up no other.

    Raises:
        UserError: no such run, checkpoint or images; or, when its turn comes, a file that was itself named by `images`
            cannot be read.
    """
    keep_freed_memory()
    config = read_config(run_dir, ("model", "loss"), trust)
    warn_of_pruned(run_dir)
    checkpoint_file = find_checkpoint(run_dir, ckpt)
    files = find_images(images)
    checkpoint = load_checkpoint(checkpoint_file)
    refuse_another_network(checkpoint, config, checkpoint_file)
    spec = spec_in(checkpoint, checkpoint_file)
    if not spec.mean:
        raise UserError(
            f"run={run_dir}: how the images of data={spec.name} are normalised is not known, so other images cannot be "
            "made like them; accepted: a run whose data module has a `spec`, a groundup.spec.DatasetSpec"
        )
    with building_from(run_dir):
        refuse_heavy_parts(config, spec)
        refuse_heavy_images({}, spec, 4 * min(BATCH, len(files)))  # four bytes a number
        predictor = build_predictor(config, spec)
    warn_of_other_code(checkpoint, config, checkpoint_file)
    put_checkpoint(predictor, checkpoint, checkpoint_file)
    predictor.eval()
    if not isinstance(predictor, Predictor):
        check_answer(config["model"], predictor, spec)
    if options_of("model", config["model"]) is None:
        if not hasattr(getattr(predictor, "loss", None), "probabilities"):
            refuse_sigmoids(config["model"], predictor, spec)
        seed_all(mix_seed(config["seed"], INFERENCE, 0), predictor.device)
    ours = options_of("data", config["data"]) is not None  # else nothing is known of its keys
    manner = manner_of(config["data"]) if ours else Manner()  # other data, and older runs, do not say
    predictions = _predict(predictor, spec, manner, files, min(top, spec.num_classes))
    return predictions if images.is_dir() else _refuse_errors(predictions)


def find_images(images: Path) -> list[Path]:
    """The image files that `images` stands for, sorted.

    Raises:
        UserError: there are none.
    """
    if not images.is_dir():
        if not os.path.lexists(images):
            raise UserError(f"images={images}: no such file or folder")
        return [images]
    files = [Path(file) for file in image_files_below(images)]
    if not files:
        raise UserError(f"images={images}: no images below it; accepted: {', '.join(EXTENSIONS)}")
    return files


def _predict(
    predictor: LightningModule, spec: DatasetSpec, manner: Manner, files: list[Path], top: int
) -> Iterator[Prediction]:
    for start in range(0, len(files), BATCH):
        read = {file: _read(file, spec, manner) for file in files[start : start + BATCH]}
        images = {file: image for file, image in read.items() if isinstance(image, Tensor)}
        found = _classify(predictor, spec, images, top) if images else {}
        for file, image in read.items():
            yield found[file] if isinstance(image, Tensor) else Prediction(file, error=image)


def _read(file: Path, spec: DatasetSpec, manner: Manner) -> Tensor | str:
    """An image, or why there is none."""
    try:
        return read_image(file, spec.channels, spec.image_size, manner=manner)
    except UserError as error:
        return str(error).removeprefix(f"{printable(str(file))}: ")


@torch.inference_mode()
def _classify(
    predictor: LightningModule, spec: DatasetSpec, images: dict[Path, Tensor], top: int
) -> dict[Path, Prediction]:
    mean = torch.tensor(spec.mean).view(1, -1, 1, 1)
    std = torch.tensor(spec.std).view(1, -1, 1, 1)
    pixels = torch.stack(list(images.values())).float() / 255
    answers = predictor(((pixels - mean) / std).to(predictor.dtype))
    probabilities = predictor.probabilities(answers) if isinstance(predictor, Predictor) else probabilities_of(answers)
    are_numbers = probabilities.isfinite().all(dim=1).tolist()
    best, classes = (tensor.tolist() for tensor in probabilities.topk(top))
    return {
        file: Prediction(file, tuple(spec.class_names[c] for c in classes[row]), tuple(best[row]))
        if are_numbers[row]
        else Prediction(file, error="the network's output is no number (NaN or infinite)")
        for row, file in enumerate(images)
    }


def _refuse_errors(predictions: Iterable[Prediction]) -> Iterator[Prediction]:
    for prediction in predictions:
        if prediction.error is not None:
            raise UserError(f"{prediction.image}: {prediction.error}")
        yield prediction
