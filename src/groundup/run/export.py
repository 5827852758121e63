"""A finished run's network as a file that other programs read, checked against PyTorch and timed beside it."""

from __future__ import annotations

import io
import logging
import statistics
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from numpy.typing import NDArray
from torch import Tensor

from groundup.config.rooms import options_of
from groundup.data.folder_images import FolderImages
from groundup.data.images import Manner, manner_of
from groundup.data.module import ImageData
from groundup.data.sources import Images
from groundup.data.usual import usual_pixels
from groundup.errors import RunFailed, UserError
from groundup.files import write_whole
from groundup.learning.numpy_net import NumPyNet
from groundup.run import kinds
from groundup.run.evaluate import data_options, test_spec
from groundup.run.exported import Exported, as_onnx, as_pt2, exporters_silenced, meaning_of, traced
from groundup.run.measure import seconds_of, with_threads
from groundup.run.onnx_network import OnnxNetwork
from groundup.run.quantized import as_int8
from groundup.run.quiet import quiet
from groundup.run.readback import building_from, read_config, warn_of_pruned
from groundup.run.splits import spec_of_training
from groundup.run.trained import build_trained, read_saved
from groundup.run.trials import answers_at_random, check_answer
from groundup.rundir.exported import facts_of, largest_difference
from groundup.rundir.results import versions
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)

AT_ONCE = 2**26  # numbers of images in a batch, at most
TIMED = 64  # images in a batch that is timed
ROUNDS = 9  # readings of each network; their median counts
CALIBRATED = 512  # training images, at most, that int8 takes its ranges from
NOISE = 256  # images, where there are no others

Answer = Callable[[NDArray[np.uint8]], NDArray[Any]]  # images (N, C, H, W) to probabilities (N, K)


@dataclass(frozen=True)
class Network:
    """One of the networks that are compared.

    Attributes:
        acc: of the images checked, 0..1; None where these are noise.
        times: milliseconds, for an image and for `TIMED`.
        size: bytes of its file; None where it has none.
    """

    name: str
    acc: float | None
    times: tuple[float, float]
    size: int | None


@dataclass(frozen=True)
class Report:
    """What has been written and measured.

    Attributes:
        split: the images that all networks have answered; None: noise.
        difference: the largest of a probability, of PyTorch's and the file's.
        changed: of the int8 network, how many images have another class.
    """

    files: tuple[Path, ...]
    split: str | None
    images: int
    difference: float
    networks: tuple[Network, ...]
    changed: int | None = None


def export(
    run_dir: Path,
    file: Path,
    to: str = "onnx",
    ckpt: str = "best",
    int8: Path | None = None,
    threads: int = 1,
    data: Mapping[str, Any] | None = None,
    trust: Collection[str] = (),
) -> Report:
    """Writes the network of a run, with what its images are normalised by and what its classes are called.

    What is to be written answers the whole test split first: nothing is written unless every image has PyTorch's class.

    Args:
        file: to be written.
        to: onnx or pt2.
        int8: a second file, of the same network with weights and activations of 8 bits; of ONNX alone.
        threads: that each network computes with while it is timed.
        data: data keys to use instead of the run's own, as `evaluate` takes them.

    Raises:
        UserError: the run cannot be read, or its network not be exported.
        RunFailed: the file does not answer as PyTorch does.
    """
    config = read_config(run_dir, ("data", "model", "loss"), trust)
    warn_of_pruned(run_dir)
    predictor, spec = _load(run_dir, config, ckpt)
    options = data_options(run_dir, config["data"], data or {})
    with quiet(), building_from(run_dir):
        split, pixels, labels = _checked_images(options, spec, config["seed"])
    one = _as_pytorch(predictor, spec, pixels)
    expected = _answers(one, pixels)
    if not np.isfinite(expected).all():
        raise UserError(f"run={run_dir}: the network gives NaN for some images of its {split} split")
    network = Exported(predictor, spec, meaning_of(predictor, _scores(predictor, spec, pixels[:64])))
    name = config["model"]["name"]
    program = traced(network, pixels[:2].clone(), name)  # a view would bring the test split into the file
    facts = facts_of(spec, name, _manner(options), usual_pixels(config["data"], spec), _versions())
    content = as_onnx(program, facts, name) if to == "onnx" else as_pt2(program, facts)
    other = _onnx(content, file, threads) if to == "onnx" else _pt2(content)
    difference = _check(expected, _answers(other, pixels), file)
    _write(file, content)
    own = "NumPy" if isinstance(getattr(predictor, "net", None), NumPyNet) else "PyTorch"
    named: dict[str, tuple[Answer, int | None]] = {own: (one, None)}
    named["ONNX Runtime" if to == "onnx" else "pt2"] = (other, len(content))
    if int8 is not None:
        with quiet(), exporters_silenced():
            small = as_int8(content, _calibration(options, spec, config["seed"], pixels))
        _write(int8, small)
        named["ONNX Runtime, int8"] = (_onnx(small, int8, threads), len(small))
    answers = {key: expected if key == own else _answers(answer, pixels) for key, (answer, _) in named.items()}
    times = _times([answer for answer, _ in named.values()], pixels, threads)
    networks = tuple(
        Network(key, _accuracy(answers[key], labels), taken, size)
        for (key, (_, size)), taken in zip(named.items(), times, strict=True)
    )
    changed = None if int8 is None else int((answers["ONNX Runtime, int8"].argmax(1) != expected.argmax(1)).sum())
    return Report((file, *([int8] if int8 else [])), split, len(pixels), difference, networks, changed)


def _load(run_dir: Path, config: Mapping[str, Any], ckpt: str) -> tuple[LightningModule, DatasetSpec]:
    """The trained network, and the spec that its checkpoint holds.

    Raises:
        UserError: it cannot be read, does not classify, or draws random numbers to predict.
    """
    saved = read_saved(run_dir, config, ckpt)
    spec = saved.spec
    if not spec.mean:
        raise UserError(
            f"run={run_dir}: how the images of data={spec.name} are normalised is not known, so it cannot be a part of "
            "the file; accepted: a run whose data module has a `spec`, a groundup.spec.DatasetSpec"
        )
    predictor = build_trained(run_dir, config, saved)
    check_answer(config["model"], predictor, spec)
    foreign = options_of("model", config["model"]) is None
    if getattr(predictor, "draws_at_inference", False) or (foreign and answers_at_random(predictor, spec)):
        raise UserError(
            f"model={config['model']['name']}: its predictions draw random numbers, which a file would draw otherwise; "
            "accepted: a network that answers an image always alike"
        )
    return predictor, spec


def _checked_images(
    options: Mapping[str, Any], spec: DatasetSpec, seed: int
) -> tuple[str | None, Tensor, Tensor | None]:
    """The test split, whole; of data without one the split that there is; of data that we cannot ask, noise."""
    ours = test_spec(options, spec, seed)
    module = kinds.data(options, ours, seed)
    if isinstance(module, ImageData):
        module.prepare_data()
        module.setup("test" if ours.test_size else "fit")
        for split in ("test", "val", "train"):
            images = module.splits.get(split)
            if images is not None and len(images.labels):
                return split, _pixels(images), images.labels
    log.warning(f"data={spec.name}: it has no images that could be asked for as they are, so noise is compared")
    noise = torch.Generator().manual_seed(0)
    shape = (NOISE, spec.channels, *spec.image_size)
    return None, torch.randint(0, 256, shape, generator=noise, dtype=torch.uint8), None


def _pixels(images: Images | FolderImages) -> Tensor:
    return (images if isinstance(images, Images) else images.load()).pixels


def _calibration(options: Mapping[str, Any], spec: DatasetSpec, seed: int, others: Tensor) -> NDArray[np.uint8]:
    """Training images, from first to last; of data that we cannot ask, what there is."""
    module = kinds.data(options, spec_of_training(options, spec, seed), seed)
    if not isinstance(module, ImageData):
        return others[:CALIBRATED].numpy()
    module.prepare_data()
    module.setup("fit")
    images = module.splits["train"]
    assert images is not None, "every data set has a training split"
    rows = torch.linspace(0, len(images.labels) - 1, min(CALIBRATED, len(images.labels))).long()
    picked = images.pick(rows).load().pixels if isinstance(images, FolderImages) else images.pixels[rows]
    return picked.numpy()


def _normalised(spec: DatasetSpec, images: Tensor) -> Tensor:
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (spec.mean, spec.std))
    return (images.float() / 255 - mean) / std


@torch.inference_mode()
def _scores(predictor: LightningModule, spec: DatasetSpec, images: Tensor) -> Tensor:
    return predictor(_normalised(spec, images).to(predictor.dtype))


def _as_pytorch(predictor: LightningModule, spec: DatasetSpec, some: Tensor) -> Answer:
    """How the network answers in `predict`: not by what is exported, so that a fault there is seen."""
    meaning = meaning_of(predictor, _scores(predictor, spec, some[:TIMED]))
    return lambda images: meaning(_scores(predictor, spec, torch.from_numpy(images))).float().numpy()


def _onnx(content: bytes, file: Path, threads: int) -> Answer:
    return OnnxNetwork(content, str(file), threads).probabilities


def _pt2(content: bytes) -> Answer:
    loaded = torch.export.load(io.BytesIO(content)).module()

    @torch.inference_mode()
    def answer(images: NDArray[np.uint8]) -> NDArray[Any]:
        return loaded(torch.from_numpy(images)).numpy()

    return answer


def _batches(images: Tensor) -> Iterator[NDArray[np.uint8]]:
    count = max(1, min(1000, AT_ONCE // (64 * images[0].numel())))  # layers hold many numbers a pixel
    for part in images.split(count):
        yield part.contiguous().numpy()


def _answers(answer: Answer, images: Tensor) -> NDArray[Any]:
    return np.concatenate([answer(part) for part in _batches(images)])


def _check(expected: NDArray[Any], found: NDArray[Any], file: Path) -> float:
    """The largest difference of a probability.

    Raises:
        RunFailed: an image has another class.
    """
    difference = largest_difference(expected, found)
    others = int((expected.argmax(1) != found.argmax(1)).sum()) if np.isfinite(found).all() else len(found)
    if others:
        raise RunFailed(
            f"{file}: not written: {others:,} of {len(expected):,} images would have another class than in PyTorch "
            f"(largest difference of a probability {difference:.2g})"
        )
    return difference


def _accuracy(answers: NDArray[Any], labels: Tensor | None) -> float | None:
    return None if labels is None else float((answers.argmax(1) == labels.numpy()).mean())


def _times(networks: list[Answer], images: Tensor, threads: int) -> list[tuple[float, float]]:
    """Milliseconds of each for an image and for `TIMED`, read in turns so that what else the machine does is shared."""
    some = images[torch.arange(TIMED) % len(images)].contiguous().numpy()
    batches = (some[:1], some)
    readings: list[tuple[list[float], list[float]]] = [([], []) for _ in networks]
    with with_threads(threads):
        for answer in networks:
            for batch in batches:
                answer(batch)  # memory is taken, and kernels are chosen, by the first call
        for _ in range(ROUNDS):
            for answer, taken in zip(networks, readings, strict=True):
                for batch, times in zip(batches, taken, strict=True):
                    times.append(seconds_of(lambda answer=answer, batch=batch: answer(batch)))  # type: ignore[misc]
    return [tuple(1000 * statistics.median(times) for times in taken) for taken in readings]  # type: ignore[misc]


def _manner(options: Mapping[str, Any]) -> dict[str, Any]:
    """How the data set's images are read from files; of other data nothing is known."""
    return asdict(manner_of(options) if options_of("data", options) is not None else Manner())


def _versions() -> dict[str, Any]:
    return {name: version for name, version in versions().items() if name in ("groundup", "torch", "numpy")}


def _write(file: Path, content: bytes) -> None:
    try:
        write_whole(file, content)
    except OSError as error:
        raise UserError(f"out={file}: cannot be written: {error.strerror or error}") from error
