"""How many images `predict` holds for far from those of the training: of the same data set, and of other kinds.

    python benchmarks/far_images.py --root DIR [--split train]

The means and contrasts are those of published training pixels, as a network keeps them. `predict` says so in a line if
more than 2 % of its images are far. FAR and FLAT in `groundup.run.classified` were chosen on `--split train`.
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from groundup.data.published import published_set
from groundup.data.usual import usual_pixels
from groundup.run.classified import is_far
from groundup.spec import DatasetSpec

NAMES = ("mnist", "fashion_mnist", "cifar10")
SOME = 2_000  # images of each other kind

Images = NDArray[np.uint8]


def made_like(images: Images, spec: DatasetSpec) -> Images:
    """As `predict` would show another data set's images to a network."""
    mode = "L" if spec.channels == 1 else "RGB"
    found = []
    for image in images:
        picture = Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).convert(mode)
        pixels = np.asarray(picture.resize(spec.image_size[::-1], Image.Resampling.BILINEAR))
        found.append(pixels.reshape(*spec.image_size, spec.channels).transpose(2, 0, 1))
    return np.stack(found)


def kinds(name: str, sets: dict[str, Images], spec: DatasetSpec) -> dict[str, Images]:
    shape = (SOME, spec.channels, *spec.image_size)
    own = sets[name]
    others = {other: made_like(images[:SOME], spec) for other, images in sets.items() if other != name}
    return {
        "its own": own,
        "inverted": 255 - own,
        "black": np.zeros(shape, np.uint8),
        "grey": np.full(shape, 128, np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, shape, np.uint8),
        **others,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--root", required=True, type=Path, help="folder of the three data sets in torchvision's layout"
    )
    parser.add_argument("--split", default="test", choices=["train", "test"])
    arguments = parser.parse_args()
    published = {name: published_set(name) for name in NAMES}
    sets = {name: data.read(arguments.root, arguments.split)[0] for name, data in published.items()}
    print(f"{date.today()}; {arguments.split} images; far in %")
    for name, data in published.items():
        print(f"network of {name}")
        for kind, images in kinds(name, sets, data.spec).items():
            usual = usual_pixels({"name": name}, data.spec)
            far = 100 * np.mean([is_far(image, *usual) for image in images])
            print(f"{kind:>16} {far:7.2f}  of {len(images):,}")


if __name__ == "__main__":
    main()
