"""A network that `export` wrote, computed by ONNX Runtime. Imports no torch."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundup.data.images import Manner
from groundup.errors import UserError
from groundup.rundir.exported import IMAGES, METADATA, PROBABILITIES, read_facts

LARGEST = 2**31 - 1  # bytes of a file


class OnnxNetwork:
    """Images `(N, C, H, W)` of uint8 in, probabilities `(N, K)` out.

    Args:
        content: the bytes of the file. It is given no folder, so it can name no other file to be read.
        name: of the file, for messages.
        threads: that compute; None is as ONNX Runtime has it.

    Attributes:
        spec: what the network knows of its images and classes.
        manner: how its images are read.
        usual: see `groundup.data.usual`.

    Raises:
        UserError: ONNX Runtime is not there, or this is no file that `export` wrote.
    """

    def __init__(self, content: bytes, name: str, threads: int | None = None):
        require_runtime(name)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors, which are raised as well
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            facts = self._session.get_modelmeta().custom_metadata_map.get(METADATA)
            if facts is None:
                raise ValueError("it does not say what its classes and images are")
            self.spec, manner, self.usual = read_facts(facts)
            self.manner = Manner(**manner)
            self._check_shapes()
        except Exception as error:  # of any kind: ONNX Runtime's own have no common name
            raise UserError(f"{name}: {_first_line(error)}; accepted: a file that groundup export wrote") from error
        self._name = name

    def _check_shapes(self) -> None:
        images = {each.name: each for each in self._session.get_inputs()}
        outputs = {each.name: each for each in self._session.get_outputs()}
        if set(images) != {IMAGES} or PROBABILITIES not in outputs:
            raise ValueError(f"its input and outputs are not called {IMAGES} and {PROBABILITIES}")
        wanted = [self.spec.channels, self.spec.height, self.spec.width]
        if images[IMAGES].type != "tensor(uint8)" or list(images[IMAGES].shape[1:]) != wanted:
            raise ValueError(f"its images are not uint8 (N, {', '.join(map(str, wanted))})")

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """Of each class, `(N, K)`.

        Raises:
            UserError: the network gives something else.
        """
        [found] = self._session.run([PROBABILITIES], {IMAGES: images})
        if found.shape != (len(images), self.spec.num_classes):
            raise UserError(f"{self._name}: it answers {len(images)} images with an array of shape {found.shape}")
        return found


def read_onnx(file: Path, threads: int | None = None) -> OnnxNetwork:
    """Reads a network's file.

    Raises:
        UserError: it cannot be read, is too large, or is none.
    """
    try:
        size = file.stat().st_size
        if not file.is_file() or size > LARGEST:
            raise UserError(f"model={file}: accepted: a file of at most 2 GiB that groundup export wrote")
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"model={file}: cannot be read: {error.strerror}") from error
    return OnnxNetwork(content, f"model={file}", threads)


def require_runtime(name: str) -> None:
    """Raises: UserError: ONNX Runtime is not installed."""
    if importlib.util.find_spec("onnxruntime") is None:
        raise UserError(f'{name}: needs ONNX Runtime: pip install "groundup[export]"')


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
