"""How long it takes to read a folder of 12-megapixel JPEGs at 224 x 224 pixels: decoded, and from the cache.

    python benchmarks/starts.py

The photos are made here: twelve of waves and noise, 4,000 x 3,000 pixels, quality 90, and copies of them that differ in
two bytes behind the picture, so that each has a content of its own. The three ways take turns; the files are in the
memory of the system, as after a first start.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from pathlib import Path

from reading import make_photo

from groundup.data.module import ImageData
from groundup.data.specs import make_spec

PHOTOS, DIFFERENT, ROUNDS, SIDE = 300, 12, 5, 224


def seconds(root: Path, cache: Path | None) -> float:
    spec = make_spec({"name": "image_folder", "root": str(root), "image_size": SIDE, "test_fraction": 0})
    data = ImageData(spec, root, decode="fast", val_fraction=0, cache=str(cache) if cache else None, limit_test=1)
    start = time.perf_counter()
    data.setup("fit")
    return time.perf_counter() - start


def main() -> None:
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder, "photos")
        for name in ("a", "b"):
            (photos / name).mkdir(parents=True)
        for number in range(DIFFERENT):
            make_photo(Path(folder, f"{number}.jpg"), number)
        for number in range(PHOTOS):
            content = Path(folder, f"{number % DIFFERENT}.jpg").read_bytes()
            (photos / "ab"[number % 2] / f"{number}.jpg").write_bytes(content + number.to_bytes(2, "big"))
        size = sum(file.stat().st_size for file in photos.rglob("*.jpg"))
        print(f"{PHOTOS} photos, {size / 2**20 / PHOTOS:.1f} MiB each")
        seconds(photos, None)
        times: dict[str, list[float]] = {"no cache": [], "cache, first start": [], "cache, second start": []}
        for turn in range(ROUNDS):
            cache = Path(folder, f"cache{turn}")
            for way, where in zip(times, (None, cache, cache), strict=True):
                times[way].append(seconds(photos, where))
    for way, taken in times.items():
        print(f"{way}: {statistics.median(taken):.2f} s ({min(taken):.2f} to {max(taken):.2f})")
    ratios = [a / b for a, b in zip(times["no cache"], times["cache, second start"], strict=True)]
    print(f"no cache / second start: {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


if __name__ == "__main__":
    main()
