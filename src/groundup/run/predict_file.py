"""Classes of new images, by a network that `export` wrote. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from groundup.config.sizes import refuse_heavy_images
from groundup.run.classified import Prediction, Prepare, batch_size, classify
from groundup.run.images_asked import find_images
from groundup.run.onnx_network import read_onnx


def predict_by_file(model: Path, images: Path, top: int, prepare: Prepare) -> Iterator[Prediction]:
    """As `groundup.run.predict.predict`, by the file alone: no run, no torch.

    Raises:
        UserError: likewise, or the file is none that `export` wrote.
    """
    network = read_onnx(model)
    files = find_images(images)
    refuse_heavy_images({}, network.spec, 4 * min(batch_size(network.spec), len(files)))
    return classify(network, files, top, prepare)
