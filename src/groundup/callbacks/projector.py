"""Test images where a network has them before its last layer: the tab PROJECTOR."""

from __future__ import annotations

import io
import logging
import math
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from groundup.callbacks.evaluation_watcher import EvaluationWatcher
from groundup.callbacks.shown_images import pixels_of
from groundup.callbacks.watcher import is_tensorboard
from groundup.files import write_whole
from groundup.learning.learner import Learner
from groundup.models.summary import untouched
from groundup.pictures.tiles import as_tiles
from groundup.printable import printable
from groundup.rundir.links import refuse_links_out
from groundup.rundir.names import PROJECTOR, PROJECTOR_CONFIG
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)

LARGEST = 1_000_000  # numbers, 8 MB as text, which is what TensorBoard reads without TensorFlow
THUMBNAIL = 48  # pixels a side at most: TensorBoard takes 8,192 for all of them
BATCH = 256


class Projector(EvaluationWatcher):
    """The input of the last linear layer for test images, with thumbnails and classes, in files of TensorBoard's own.

    They go through the network once more at the end, for what is inside of it. A network without such a layer has none.

    Args:
        count: images at most, the first ones of the test split.
    """

    shown_by = staticmethod(is_tensorboard)

    def __init__(self, count: int = 2000):
        super().__init__()
        self.count = count

    def on_validation_start(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        self._looks = False

    def begin(self, learner: Learner) -> None:
        self._seen: list[tuple[Tensor, Tensor, Tensor]] = []
        self._number = 0

    def see(self, learner: Learner, images: Tensor, target: Tensor, logits: Tensor) -> None:
        left = self.count - self._number
        if left > 0:
            self._seen.append((images[:left].cpu(), target[:left].cpu(), logits[:left].argmax(dim=1).cpu()))
            self._number += min(left, len(target))

    def show(self, trainer: Trainer, learner: Learner, split: str, step: int) -> None:
        folders = [Path(logger.log_dir) for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        if not (trainer.is_global_zero and self._seen):
            return
        images, truth, guess = (torch.cat(tensors) for tensors in zip(*self._seen, strict=True))
        self._seen = []
        found = last_features(learner.net, images)
        if found is None:
            log.info("callbacks.projector: this network has no linear layer at its end, so nothing is shown of it")
            return
        count = min(len(images), LARGEST // found.shape[1])
        if not count:
            log.info(f"callbacks.projector: {found.shape[1]:,} features of an image are too many, so nothing is shown")
            return
        pixels = pixels_of(images[:count].float(), learner.spec)
        for folder in folders:
            write_projection(folder, found[:count], pixels, truth.numpy(), guess.numpy(), learner.spec)


def last_features(net: nn.Module, images: Tensor) -> NDArray[np.float32] | None:
    """What the last linear layer of a network is given for images: `(N, D)`; None where that cannot be told."""
    linear = [layer for layer in net.modules() if isinstance(layer, nn.Linear)]
    if not linear:
        return None
    found: list[Tensor] = []
    hook = linear[-1].register_forward_pre_hook(lambda _, inputs: found.append(inputs[0].detach().float().cpu()))
    try:
        with untouched(net) as like:
            for batch in images.split(BATCH):
                net.forward(batch.to(like))  # not by a call: a compiled network passes hooks over
    except (RuntimeError, TypeError, ValueError) as error:  # it is not called by images alone
        log.info(f"callbacks.projector: {error}")
        return None
    finally:
        hook.remove()
    whole = [len(tensor) for tensor in found if tensor.dim() == 2]
    if sum(whole) != len(images) or len(whole) != len(found):  # it is used several times for an image, or for parts
        return None
    return torch.cat(found).numpy()


def write_projection(
    run_dir: Path,
    features: NDArray[np.float32],
    pixels: NDArray[np.integer],
    truth: NDArray[np.int64],
    guess: NDArray[np.int64],
    spec: DatasetSpec,
) -> None:
    """Writes `projector_config.pbtxt` and the files that it names.

    Args:
        run_dir: of the run.
        features: `(N, D)`.
        pixels: `(N, C, H, W)` of 0..255.
        truth: classes, `(N,)` or more.
        guess: what the network took them for, likewise.
        spec: names the classes.
    """
    refuse_links_out(run_dir, (PROJECTOR,))
    folder = run_dir / PROJECTOR
    folder.mkdir(exist_ok=True)
    table = io.StringIO()
    np.savetxt(table, np.nan_to_num(features), fmt="%.4g", delimiter="\t")
    write_whole(folder / "features.tsv", table.getvalue())
    names = [printable(name).replace("\t", " ") for name in spec.class_names]
    rows = [
        f"{names[true]}\t{names[said]}\t{'right' if true == said else 'wrong'}"
        for true, said in zip(truth[: len(features)].tolist(), guess.tolist(), strict=False)
    ]
    write_whole(folder / "classes.tsv", "\n".join(["class\ttaken for\tanswer", *rows]) + "\n")
    side = _write_sprite(folder / "thumbnails.png", as_tiles(pixels))
    write_whole(run_dir / PROJECTOR_CONFIG, _config(features.shape, side))


def _write_sprite(file: Path, tiles: NDArray[np.uint8]) -> tuple[int, int]:
    """All thumbnails in a square, row by row; gives the width and height of one."""
    height, width = tiles.shape[1:3]
    factor = min(1.0, THUMBNAIL / max(height, width))
    side = (max(1, round(width * factor)), max(1, round(height * factor)))
    columns = math.ceil(math.sqrt(len(tiles)))
    sprite = Image.new("RGB", (columns * side[0], columns * side[1]))
    for place, tile in enumerate(tiles):
        at = (place % columns * side[0], place // columns * side[1])
        sprite.paste(Image.fromarray(tile).resize(side), at)
    content = io.BytesIO()
    sprite.save(content, format="PNG")
    write_whole(file, content.getvalue())
    return side


def _config(shape: tuple[int, ...], side: tuple[int, int]) -> str:
    """The text form of TensorBoard's `ProjectorConfig`; the first column of the classes colours the points."""
    return f"""embeddings {{
  tensor_name: "test images before the last layer"
  tensor_path: "{PROJECTOR}/features.tsv"
  tensor_shape: {shape[0]}
  tensor_shape: {shape[1]}
  metadata_path: "{PROJECTOR}/classes.tsv"
  sprite {{
    image_path: "{PROJECTOR}/thumbnails.png"
    single_image_dim: {side[0]}
    single_image_dim: {side[1]}
  }}
}}
"""
