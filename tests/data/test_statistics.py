"""Mean and deviation that are measured are those of the images that a run trains on, wherever these lie."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from groundup.data.module import ImageData
from groundup.data.specs import make_spec
from groundup.data.statistics import measured


@pytest.fixture
def photos(tmp_path):
    random = np.random.default_rng(0)
    for number in range(20):
        folder = tmp_path / ("cat", "dog")[number % 2]
        folder.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8)).save(folder / f"{number}.png")
    return tmp_path


def opened(photos, **options) -> ImageData:
    keys = {"name": "image_folder", "root": str(photos), "image_size": 6, "mean": "auto", "std": "auto"}
    return ImageData(make_spec(keys), photos, mean="auto", std="auto", **options)


def test_they_are_the_same_in_memory_and_from_disk_and_leave_validation_and_test_out(photos):
    data = opened(photos, val_fraction=0.5)
    spec = measured(data)
    pixels = data.splits["train"].pixels.numpy() / 255
    assert len(pixels) == 8
    assert spec.mean == pytest.approx(pixels.mean((0, 2, 3)), rel=1e-12)
    assert spec.std == pytest.approx(pixels.std((0, 2, 3)), rel=1e-9)
    from_disk = measured(opened(photos, val_fraction=0.5, in_memory=False))
    assert (from_disk.mean, from_disk.std) == (spec.mean, spec.std)


def test_every_fold_has_its_own(photos):
    specs = [measured(opened(photos, val_fraction=None, folds=4, fold=fold)) for fold in range(4)]
    assert len({spec.mean for spec in specs}) == 4
    assert measured(opened(photos, val_fraction=None, folds=4, fold=0)).mean == specs[0].mean


def test_a_deviation_of_zero_is_refused(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(4):
            Image.new("RGB", (6, 6), (10, 20, 30)).save(tmp_path / name / f"{number}.png")
    with pytest.raises(Exception, match=r"data.std=auto: all pixels of a channel .* are equal"):
        measured(opened(tmp_path))
