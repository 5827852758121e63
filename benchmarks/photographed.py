"""How many digits of MNIST are read right from files: as they are, as negatives, moved, on paper, and photographed.

    python benchmarks/photographed.py --run DIR --root DIR [--split train] [--images 10000]

Every image of the split becomes a PNG or a JPEG, and `groundup predict` classifies the folder. The goal is 97 % right.
What digits are cut out by was chosen on training images: `--split train`.
"""

from __future__ import annotations

import argparse
import csv
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from groundup.data.published.mnist import DATA

Pixels = np.ndarray
SHEET = (200, 340)  # pixels a side of paper, from smallest to largest


def as_it_is(digit: Pixels, random: np.random.Generator) -> Pixels:
    return digit


def inverted(digit: Pixels, random: np.random.Generator) -> Pixels:
    return 255 - digit


def moved(digit: Pixels, random: np.random.Generator) -> Pixels:
    """As far as it stays whole."""
    rows, columns = (np.flatnonzero(digit.any(axis=axis)) for axis in (1, 0))
    down, right = (random.integers(-places[0], 28 - places[-1]) for places in (rows, columns))
    return np.roll(digit, (down, right), axis=(0, 1))


def on_paper(digit: Pixels, random: np.random.Generator) -> Pixels:
    """Enlarged 3 to 7 times, dark on grey paper, at any place of it."""
    ink = _enlarged(digit, random.uniform(3, 7))
    paper = random.uniform(140, 220)
    sheet = np.full(random.integers(*SHEET, 2), paper)
    _draw(sheet, ink, 0.85, random)
    return _bytes(sheet)


def photographed(digit: Pixels, random: np.random.Generator) -> Pixels:
    """As `on_paper`, but turned a little, lit from a side, out of focus, and noisy."""
    ink = _enlarged(digit, random.uniform(3, 7), random.uniform(-8, 8))
    sheet = np.full(random.integers(*SHEET, 2), random.uniform(140, 220))
    _draw(sheet, ink, random.uniform(0.6, 0.85), random)
    y, x = (np.linspace(-1, 1, length) for length in sheet.shape)
    sheet *= 1 + random.uniform(-0.2, 0.2) * y[:, None] + random.uniform(-0.2, 0.2) * x[None]
    blurred = Image.fromarray(_bytes(sheet)).filter(ImageFilter.GaussianBlur(random.uniform(0.5, 2)))
    return _bytes(np.asarray(blurred) + random.normal(0, 6, sheet.shape))


def _enlarged(digit: Pixels, factor: float, turned: float = 0.0) -> Pixels:
    """Ink, 0..1."""
    side = round(28 * factor)
    image = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(image.rotate(turned, Image.Resampling.BICUBIC)) / 255


def _draw(sheet: Pixels, ink: Pixels, dark: float, random: np.random.Generator) -> None:
    top, left = (random.integers(0, length - len(ink) + 1) for length in sheet.shape)
    sheet[top : top + len(ink), left : left + len(ink)] *= 1 - dark * ink


def _bytes(pixels: Pixels) -> Pixels:
    return pixels.round().clip(0, 255).astype(np.uint8)


VARIANTS: dict[str, tuple[Callable[[Pixels, np.random.Generator], Pixels], str]] = {
    "as it is": (as_it_is, "png"),
    "inverted": (inverted, "png"),
    "moved": (moved, "png"),
    "on paper": (on_paper, "png"),
    "photographed": (photographed, "jpg"),
}


def write(digits: Pixels, variant: str, folder: Path) -> None:
    make, kind = VARIANTS[variant]

    def save(number: int) -> None:
        pixels = make(digits[number], np.random.default_rng([number, len(variant)]))
        Image.fromarray(pixels).save(folder / f"{number:05}.{kind}", quality=85)

    with ThreadPoolExecutor() as pool:
        list(pool.map(save, range(len(digits))))


def predicted(run: str, folder: Path, *words: str) -> list[str]:
    """The class of each image; none where it has none."""
    out = folder.with_suffix(".csv")
    command = [sys.executable, "-m", "groundup", "predict", f"run={run}", f"images={folder}", f"out={out}", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr)
    with out.open(newline="") as file:
        return [row["class"] for row in csv.DictReader(file)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, nargs="+", help="run directories of networks that know MNIST")
    parser.add_argument("--root", required=True, type=Path, help="folder of MNIST in torchvision's layout")
    parser.add_argument("--split", default="test", choices=["train", "test"])
    parser.add_argument("--images", type=int, default=10_000, help="the last so many of the split")
    arguments = parser.parse_args()
    digits, labels = DATA.read(arguments.root, arguments.split)
    digits, labels = digits[-arguments.images :, 0], labels[-arguments.images :]
    print(f"{date.today()}, {platform.machine()}; {len(digits):,} images of {arguments.split}; right in %")
    for variant in VARIANTS:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch, "images")
            folder.mkdir()
            write(digits, variant, folder)
            for run, words in [*((run, ["prepare=mnist"]) for run in arguments.run), (arguments.run[0], [])]:
                classes = predicted(run, folder, *words)
                right = [found == str(label) for found, label in zip(classes, labels, strict=True)]
                print(f"{variant:>14} {100 * np.mean(right):6.2f}  {Path(run).name} {' '.join(words)}", flush=True)


if __name__ == "__main__":
    main()
