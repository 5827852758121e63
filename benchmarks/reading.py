"""How long a 12-megapixel JPEG takes to be read at 224 x 224 pixels: all of it decoded, and a part of its size.

    python benchmarks/reading.py

Both sides take turns on the same photos, which are made here: waves and noise, 4,000 x 3,000 pixels, quality 90.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from groundup.data.images import Manner, decode

PHOTOS, ROUNDS, SIDE = 4, 5, 224


def make_photo(path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:3000, :4000] / 1000
    waves = np.stack([np.sin(rng.uniform(1, 9) * x + rng.uniform(1, 9) * y) for _ in range(3)], axis=-1)
    pixels = 127 + 90 * waves + rng.normal(0, 8, waves.shape)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, "JPEG", quality=90)


def seconds(path: Path, how: str) -> float:
    start = time.perf_counter()
    decode(path, 3, (SIDE, SIDE), manner=Manner(decode=how))  # type: ignore[arg-type]
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        photos = [Path(folder, f"{number}.jpg") for number in range(PHOTOS)]
        for number, photo in enumerate(photos):
            make_photo(photo, number)
        ratios, times = [], {"exact": [], "fast": []}  # type: ignore[var-annotated]
        for _ in range(ROUNDS):
            for photo in photos:
                exact, fast = seconds(photo, "exact"), seconds(photo, "fast")
                times["exact"].append(exact)
                times["fast"].append(fast)
                ratios.append(exact / fast)
    for how, taken in times.items():
        print(f"data.decode={how}: {1000 * statistics.median(taken):.0f} ms a photo")
    print(f"exact / fast: {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


if __name__ == "__main__":
    main()
