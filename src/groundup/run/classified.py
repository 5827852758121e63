"""Image files to classes, batch by batch, by whatever network answers arrays of bytes. Imports no torch."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from groundup.data.images import Manner, decode_array
from groundup.errors import UserError
from groundup.printable import printable
from groundup.run.bar import bar_of_images, beside_bars
from groundup.run.digits import Invert, as_mnist, expects_light_on_dark, inverted, is_dark_on_light
from groundup.spec import DatasetSpec, Usual

log = logging.getLogger(__name__)

BATCH = 256  # images at most
AT_ONCE = 2**26  # numbers that a batch may take in a network, of which layers are held to make `PER_NUMBER` a number
PER_NUMBER = 64
# Chosen on training images, see benchmarks/far_images.py: of CIFAR-10's, the most varied, 0.5 % are off by as much
FAR = 1.5  # standard deviations of training pixels, that the mean of an image is off
FLAT = 0.25  # of the contrast of training pixels: less is nearly none
SOME = 0.02  # of all images: so few that are far are said nothing of
NO_NUMBER = "the network's output is no number (NaN or infinite)"


class Network(Protocol):
    """What classifies: images `(N, C, H, W)` of uint8 in, probabilities `(N, K)` out."""

    spec: DatasetSpec
    manner: Manner
    usual: Usual

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[Any]: ...


@dataclass(frozen=True)
class Prepare:
    """What is done to grey images before they are shown to the network.

    Attributes:
        invert: auto makes negatives of dark ink on light paper, for a network that has learnt light on dark.
        digits: cuts out a digit, scales and centres it as those of MNIST are.
    """

    invert: Invert = "auto"
    digits: Literal["mnist"] | None = None


def as_said(invert: str | bool, prepare: str | None) -> Prepare:
    """Of values of the config, which have been checked."""
    return Prepare(str(invert).lower(), prepare)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Prediction:
    """The class of one image and how probable the network holds it, 0..1; the likeliest first where several.

    Attributes:
        image: its file; None where it has none of its own, as one of published data.
        error: why it has no class; None where it has.
        number: its place in the split that it belongs to, from 0; None of one that belongs to none.
        true: the class that it is of; None where nobody says.
    """

    image: Path | None
    classes: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    error: str | None = None
    number: int | None = None
    true: str | None = None


def classify(network: Network, files: Sequence[Path], top: int, prepare: Prepare) -> Iterator[Prediction]:
    """A prediction for each file, in their order, as soon as its batch is done; at the end what was odd, in a line.

    Raises:
        UserError: at once: the network is not one that images are prepared for so.
    """
    if prepare.digits and not expects_light_on_dark(network.spec):
        raise UserError(
            f"prepare={prepare.digits}: data={network.spec.name} has other images than digits, light on dark, as MNIST "
            "has; accepted: null"
        )
    return _classify(network, files, min(top, network.spec.num_classes), prepare)


def _classify(network: Network, files: Sequence[Path], top: int, prepare: Prepare) -> Iterator[Prediction]:
    seen = _Seen(network.usual)
    count = batch_size(network.spec)
    with bar_of_images(len(files), count) as bar:
        for start in range(0, len(files), count):
            read = []
            for file in files[start : start + count]:
                read.append((file, _read(file, network, prepare, seen)))
                bar.update()
            yield from _classified(network, read, top, seen)
    seen.say()


def _classified(
    network: Network, read: Sequence[tuple[Path, NDArray[np.uint8] | str]], top: int, seen: _Seen
) -> Iterator[Prediction]:
    """Predictions of a batch: of files with their images, or with why they have none."""
    images = [image for _, image in read if isinstance(image, np.ndarray)]
    for shown in images:
        seen.look_at(shown)
    found = iter(_answers(network, images, top) if images else [])
    for file, image in read:
        answer = image if isinstance(image, str) else next(found)
        yield Prediction(file, error=answer) if isinstance(answer, str) else Prediction(file, *answer)


def batch_size(spec: DatasetSpec) -> int:
    """How many images are classified at once: by what they take in memory."""
    return max(1, min(BATCH, AT_ONCE // (PER_NUMBER * spec.channels * spec.height * spec.width)))


def _read(file: Path, network: Network, prepare: Prepare, seen: _Seen) -> NDArray[np.uint8] | str:
    """An image, or why there is none."""
    spec, own_size = network.spec, prepare.digits is not None
    name = printable(str(file))
    try:
        image, doubt = decode_array(file, spec.channels, None if own_size else spec.image_size, network.manner)
        if doubt is not None:
            with beside_bars(sys.stderr):
                log.warning("%s: %s", name, doubt)
        if spec.channels > 1:
            return 255 - image if prepare.invert == "true" else image
        return _prepared(image[0], spec, prepare, seen)[None]
    except UserError as error:
        return str(error).removeprefix(f"{name}: ")
    except ValueError as error:
        return str(error)


def _prepared(grey: NDArray[np.uint8], spec: DatasetSpec, prepare: Prepare, seen: _Seen) -> NDArray[np.uint8]:
    if prepare.invert == "auto" and expects_light_on_dark(spec):
        seen.inverted += is_dark_on_light(grey)
    elif prepare.invert == "auto":
        return grey
    return as_mnist(grey, spec.image_size, prepare.invert) if prepare.digits else inverted(grey, prepare.invert)


def _answers(
    network: Network, images: list[NDArray[np.uint8]], top: int
) -> Iterable[tuple[tuple[str, ...], tuple[float, ...]] | str]:
    probabilities = network.probabilities(np.stack(images))
    for row in probabilities:
        if not np.isfinite(row).all():
            yield NO_NUMBER
            continue
        best = np.argsort(-row, kind="stable")[:top]
        yield tuple(network.spec.class_names[c] for c in best), tuple(float(row[c]) for c in best)


def is_far(image: NDArray[np.uint8], mean: float, std: float) -> bool:
    """Whether an image is far from those that a network was trained on, whose pixels in 0..1 had this mean and std."""
    return abs(float(image.mean()) / 255 - mean) > FAR * std or float(image.std()) / 255 < FLAT * std


class _Seen:
    """What the images have been like: whether they are of the kind that the network was trained on."""

    def __init__(self, usual: Usual):
        self._usual = usual
        self.count = self.inverted = self.far = 0

    def look_at(self, image: NDArray[np.uint8]) -> None:
        self.count += 1
        self.far += self._usual is not None and is_far(image, *self._usual)

    def say(self) -> None:
        """Logs a line for each kind of image that one may not have meant."""
        if self.inverted:
            log.warning(
                f"{self.inverted:,} of {self.count:,} images show dark on light and were inverted, because the network "
                "has learnt light on dark; data.invert=false leaves them"
            )
        if self._usual is not None and self.far > SOME * self.count:
            mean, std = self._usual
            log.warning(
                f"{self.far:,} of {self.count:,} images are far from those that the network was trained on (mean "
                f"{mean:.2f}, contrast {std:.2f} of 0..1): do not trust its answers to them"
            )
