from __future__ import annotations

import math
import subprocess
import sys

import pytest
from PIL import Image

from groundup.data.folder import scan
from groundup.data.published import published_names
from groundup.data.specs import make_spec
from groundup.errors import UserError


def paint(root, *places: str) -> None:
    for place in places:
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(path)


@pytest.mark.parametrize("name", published_names())
def test_every_published_set_has_statistics_of_every_channel_and_distinct_classes(name):
    spec = make_spec({"name": name})
    assert spec.channels == len(spec.mean) == len(spec.std)
    assert len(set(spec.class_names)) == spec.num_classes


def test_class_names_are_the_published_ones():
    from torchvision.datasets import FashionMNIST

    assert list(make_spec({"name": "fashion_mnist"}).class_names) == FashionMNIST.classes
    fine = make_spec({"name": "cifar100"}).class_names
    assert len(fine) == 100
    assert list(fine) == sorted(fine)
    assert make_spec({"name": "cifar100", "labels": "coarse"}).num_classes == 20


def test_image_size_resizes_to_a_square():
    assert make_spec({"name": "digits", "image_size": 16}).image_size == (16, 16)
    assert make_spec({"name": "digits", "image_size": None}).image_size == (8, 8)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "minst"}, r"data\.name=minst: unknown; accepted: cifar10, .*mnist, svhn, arrays, image_folder"),
        ({"name": "digits", "image_size": 0}, r"data\.image_size=0"),
        ({"name": "cifar100", "labels": "medium"}, r"data\.labels=medium: accepted: fine, coarse"),
        ({"name": "cifar10", "labels": "coarse"}, r"data\.labels=coarse: cifar10"),
        ({"name": "image_folder", "root": "x"}, r"data\.image_size=null"),
        ({"name": "image_folder", "root": "/nowhere", "image_size": 8}, r"data\.root=/nowhere: no such folder"),
        ({"name": "image_folder", "root": "/nowhere", "image_size": 8, "channels": 2}, r"data\.channels=2"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_accepted(data, message):
    with pytest.raises(UserError, match=message):
        make_spec(data)


def test_a_folder_becomes_a_spec(tmp_path):
    paint(tmp_path, "train/dog/1.png", "train/cat/1.PNG", "train/cat/2.jpg", "test/cat/1.png")
    (tmp_path / "train/cat/notes.txt").write_text("not an image")
    (tmp_path / "train/.hidden").mkdir()
    spec = make_spec({"name": "image_folder", "root": str(tmp_path), "image_size": 32, "channels": 1, "mean": [0.2]})
    assert spec.class_names == ("cat", "dog")
    assert (spec.train_size, spec.test_size) == (3, 1)
    assert (spec.channels, spec.image_size, spec.mean, spec.std) == (1, (32, 32), (0.2,), (0.25,))


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ([], "holds no class folders"),
        (["train/cat/1.png"], "one class"),
        (["train/cat/1.png", "train/dog/1.txt"], "no images in .*dog"),
        (["train/cat/1.png", "train/dog/1.png", "val/cow/1.png"], "val/ has a class that train/ lacks: cow"),
        (["train/cat/1.png", "train/dog/1.png", "test/cow/1.png"], "test/ has a class that train/ lacks: cow"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(places, message, tmp_path):
    for place in places:
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    with pytest.raises(UserError, match=message):
        make_spec({"name": "image_folder", "root": str(tmp_path), "image_size": 8})


@pytest.mark.parametrize(("key", "value"), [("mean", [0.5]), ("std", [0.1, 0.1]), ("std", [0.1, 0.0, 0.1])])
def test_statistics_must_fit_the_channels(key, value, tmp_path):
    paint(tmp_path, "train/dog/1.png", "train/cat/1.png")
    with pytest.raises(UserError, match=rf"data\.{key}="):
        make_spec({"name": "image_folder", "root": str(tmp_path), "image_size": 8, key: value})


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [("std", [0.1, math.nan, 0.1], "std"), ("mean", [0.1, 0.1, math.inf], "mean"), ("image_size", 10**5, "height")],
)
def test_what_no_data_set_has_is_refused(key, value, named, tmp_path):
    paint(tmp_path, "train/dog/1.png", "train/cat/1.png")
    options = {"name": "image_folder", "root": str(tmp_path), "image_size": 8, key: value}
    with pytest.raises(UserError, match=rf"data=image_folder: .*{named}.* cannot be"):
        make_spec(options)


def test_the_first_images_of_a_folder_are_of_all_classes(tmp_path):
    paint(tmp_path, *(f"train/{name}/{i}.png" for name, count in (("a", 3), ("b", 1), ("c", 2)) for i in range(count)))
    folder = scan(tmp_path)
    assert [label for _, label in folder.train.samples(folder.class_names)] == [0, 1, 2, 0, 2, 0]


def test_a_spec_is_made_without_torch_or_numpy():
    code = "import sys; from groundup.data.specs import make_spec; make_spec({'name': 'mnist'}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "torchvision", "PIL"} & set(loaded)
