"""Classes of new images, by a finished run."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from numpy.typing import NDArray

from groundup.config.rooms import options_of
from groundup.config.sizes import refuse_heavy_images
from groundup.data.images import Manner, manner_of
from groundup.data.usual import usual_pixels
from groundup.errors import UserError
from groundup.learning.predictor import Predictor, probabilities_of
from groundup.learning.random_numbers import INFERENCE, seed_all
from groundup.run.allocator import keep_freed_memory
from groundup.run.classified import Prediction, Prepare, batch_size, classify
from groundup.run.images_asked import find_images
from groundup.run.readback import building_from, read_config, warn_of_pruned
from groundup.run.trained import build_trained, read_saved
from groundup.run.trials import check_answer, refuse_sigmoids
from groundup.seeds import mix_seed
from groundup.spec import DatasetSpec, Usual

AS_THEY_ARE = Prepare()


def predict(
    run_dir: Path,
    images: Path,
    ckpt: str = "best",
    top: int = 1,
    trust: Collection[str] = (),
    prepare: Prepare = AS_THEY_ARE,
) -> Iterator[Prediction]:
    """Classifies image files as the run's network sees them: its colours, size, background and normalisation.

    Args:
        images: what `find_images` takes.
        top: how many classes an image.
        trust: packages of your own, parts of which the run's network and loss may be; see `config.trusted`.
        prepare: what is done to images first.

    Returns:
        A prediction for each file, in their order, as soon as its batch is done. One that cannot be read has an
        `error` and holds up no other.

    Raises:
        UserError: no such run, checkpoint or images.
    """
    keep_freed_memory()
    config = read_config(run_dir, ("model", "loss"), trust)
    warn_of_pruned(run_dir)
    files = find_images(images)
    saved = read_saved(run_dir, config, ckpt)
    spec = saved.spec
    if not spec.mean:
        raise UserError(
            f"run={run_dir}: how the images of data={spec.name} are normalised is not known, so other images cannot be "
            "made like them; accepted: a run whose data module has a `spec`, a groundup.spec.DatasetSpec"
        )
    with building_from(run_dir):
        refuse_heavy_images({}, spec, 4 * min(batch_size(spec), len(files)))  # four bytes a number
    predictor = build_trained(run_dir, config, saved)
    if not isinstance(predictor, Predictor):
        check_answer(config["model"], predictor, spec)
    if options_of("model", config["model"]) is None:
        if not hasattr(getattr(predictor, "loss", None), "probabilities"):
            refuse_sigmoids(config["model"], predictor, spec)
        seed_all(mix_seed(config["seed"], INFERENCE, 0), predictor.device)
    ours = options_of("data", config["data"]) is not None  # else nothing is known of its keys
    manner = manner_of(config["data"]) if ours else Manner()  # other data, and older runs, do not say
    usual = usual_pixels(config["data"], spec) if ours else None
    return classify(_Trained(predictor, spec, manner, usual), files, top, prepare)


class _Trained:
    """The network of a run, as `classify` asks it."""

    def __init__(self, predictor: LightningModule, spec: DatasetSpec, manner: Manner, usual: Usual):
        self.spec, self.manner, self.usual, self._predictor = spec, manner, usual, predictor
        self._mean, self._std = (torch.tensor(values).view(1, -1, 1, 1) for values in (spec.mean, spec.std))

    @torch.inference_mode()
    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        predictor = self._predictor
        pixels = torch.from_numpy(images).float() / 255
        answers = predictor(((pixels - self._mean) / self._std).to(predictor.dtype))
        convert = predictor.probabilities if isinstance(predictor, Predictor) else probabilities_of
        return convert(answers).float().numpy()
