"""A network that was exported predicts without torch; which files are asked for; digits made as MNIST's."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from launch import PROJECT
from PIL import Image

from groundup.data.images import Manner
from groundup.data.usual import usual_pixels
from groundup.errors import UserError
from groundup.run.classified import Prepare, batch_size, classify
from groundup.run.digits import as_mnist, inverted, is_dark_on_light
from groundup.run.images_asked import find_images
from groundup.spec import DatasetSpec

MNIST = DatasetSpec("mnist", 1, 28, 28, ("left", "right"), (0.13,), (0.31,), 10, 10)


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="PNG")
    return path


WITHOUT_TORCH = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "lightning", "torchvision"):
            raise ImportError(f"{name} must not be imported")
sys.meta_path.insert(0, Refuse())
sys.argv[0] = "predict.py"
from groundup.cli.main import enter
enter("predict", sys.argv[1:])
"""


def test_a_file_predicts_in_a_process_without_torch_what_its_run_predicts(make_config, whole_run, tmp_path):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    from groundup.run.export import export
    from groundup.run.predict import predict

    run_dir = whole_run(make_config())
    export(run_dir, tmp_path / "model.onnx")
    random = np.random.default_rng(0)
    for number in range(3):
        save(tmp_path / "images" / f"{number}.png", random.integers(0, 256, (8, 8), dtype=np.uint8))
    (tmp_path / "images" / "bad.png").write_bytes(b"no image")
    words = [f"model={tmp_path / 'model.onnx'}", f"images={tmp_path / 'images'}"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *words], capture_output=True, text=True, cwd=PROJECT, timeout=120
    )
    assert done.returncode == 1, done.stderr  # of the bad one
    assert "bad.png: not an image" in done.stderr
    found = [line.split("  ")[1] for line in done.stdout.splitlines()]
    expected = [p for p in predict(run_dir, tmp_path / "images") if p.error is None]
    assert found == [f"{p.classes[0]} {p.probabilities[0]:.4f}" for p in expected]


# Which files


def test_a_pattern_and_a_list_name_files_and_folders(tmp_path, monkeypatch):
    names = ["a/1.png", "a/2.jpg", "b/1.png", "b/with\nline.png", "b/.ipynb_checkpoints/1.png"]
    for name in names:
        save(tmp_path / name, np.zeros((4, 4), np.uint8))
    of_pattern = find_images(tmp_path / "*" / "1.png")
    assert of_pattern == [tmp_path / "a/1.png", tmp_path / "b/1.png"]
    assert len(find_images(tmp_path / "**")) == 4  # each once, hidden ones not
    for listed in (b"%b/a/1.png\n%b/b\n", b"%b/a/1.png\0%b/b\0"):
        content = listed.replace(b"%b", os.fsencode(tmp_path))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert [file.name for file in find_images(Path("-"))] == ["1.png", "1.png", "with\nline.png"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"b/with\nline.png\0")))
    assert find_images(Path("-")) == [Path("b/with\nline.png")]
    with pytest.raises(UserError, match="no file matches"):
        find_images(tmp_path / "*.gif")


def test_batches_are_sized_by_what_images_take():
    assert batch_size(MNIST) == 256
    assert batch_size(DatasetSpec("x", 3, 224, 224, ("a", "b"), (0.5,) * 3, (0.2,) * 3, 1, 1)) == 6


# Digits


def digit(side: int = 20) -> np.ndarray:
    """A seven of `side` pixels, light on black."""
    drawn = np.zeros((side, side), np.uint8)
    drawn[: side // 6] = 255
    for row in range(side):
        start = side - 1 - row * side // (2 * side) - side // 6
        drawn[row, max(0, start) : max(0, start) + side // 6] = 255
    return drawn


def on_black(drawn: np.ndarray, size: int, row: int, column: int) -> np.ndarray:
    image = np.zeros((size, size), np.uint8)
    image[row : row + len(drawn), column : column + drawn.shape[1]] = drawn
    return image


@pytest.fixture
def standard() -> np.ndarray:
    return as_mnist(on_black(digit(), 48, 3, 20), (28, 28))


def test_a_digit_is_twenty_pixels_and_its_mass_in_the_middle(standard):
    sides = [int(np.ptp(np.flatnonzero(standard.any(axis=axis)))) + 1 for axis in (0, 1)]
    assert max(sides) == 20
    y, x = np.mgrid[0:28, 0:28]
    centre = [(standard * each).sum() / standard.sum() for each in (y, x)]
    assert np.abs(np.array(centre) - 14).max() <= 0.5  # of MNIST's training images it is 13.99, give or take 0.29


@pytest.mark.parametrize("places", [(-2, 1), (0, -2), (-1, 1), (-3, 3)])
def test_a_digit_that_was_moved_is_moved_back_to_the_last_bit(standard, places):
    moved = np.roll(standard, places, axis=(0, 1))  # it stays whole
    assert np.array_equal(as_mnist(moved, (28, 28)), standard)


def test_what_is_as_mnist_already_stays_to_the_last_bit_and_so_does_its_negative(standard):
    assert np.array_equal(as_mnist(standard, (28, 28)), standard)
    assert np.array_equal(as_mnist(255 - standard, (28, 28)), standard)
    assert np.array_equal(inverted(standard, "auto"), standard)
    assert np.array_equal(inverted(255 - standard, "auto"), standard)


def test_a_digit_on_grey_paper_that_is_lit_from_a_side_is_the_same(standard):
    random = np.random.default_rng(0)
    for light in (25, 70):  # half of the paper's brightness, from one side to the other
        paper = 150 + np.linspace(-light, light, 300)[None] + random.normal(0, 5, (260, 300))
        paper[60:180, 100:220] *= 1 - 0.8 * digit(120) / 255.0
        found = as_mnist(paper.clip(0, 255).astype(np.uint8), (28, 28))
        moved = (np.roll(found, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1))
        assert max(np.corrcoef(each.ravel(), standard.ravel())[0, 1] for each in moved) > 0.9
    with pytest.raises(ValueError, match="nothing stands out"):
        as_mnist(np.full((50, 50), 170, np.uint8), (28, 28))


def test_pictures_that_fill_their_frame_are_no_ink_on_paper():
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    assert not is_dark_on_light(noise)
    assert not is_dark_on_light(np.full((28, 28), 255, np.uint8))


class Halves:
    """Which half of an image is lighter."""

    spec, manner, usual = MNIST, Manner(), (0.13, 0.31)

    def probabilities(self, images):
        left, right = images[..., :14].mean(axis=(1, 2, 3)), images[..., 14:].mean(axis=(1, 2, 3))
        return np.stack([left, right], axis=1) / (left + right + 1e-9)[:, None]


def test_dark_ink_on_paper_is_seen_as_its_negative_and_said(tmp_path, caplog):
    image = on_black(digit(12), 28, 8, 15)
    file = save(tmp_path / "a.png", 255 - image)
    for invert, expected, said in (("auto", "right", "1 of 1 images show dark on light"), ("false", "left", "are far")):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            [found] = classify(Halves(), [file], 1, Prepare(invert))
        assert (found.classes, len(caplog.messages)) == ((expected,), 1)
        assert said in caplog.messages[0]
    [plain] = classify(Halves(), [save(tmp_path / "b.png", image)], 1, Prepare())
    assert plain.classes == ("right",)


def test_images_are_far_from_measured_pixels_alone_whatever_they_are_normalised_by(tmp_path, caplog):
    file = save(tmp_path / "a.png", np.full((28, 28), 250, np.uint8))
    for usual, said in (((0.13, 0.31), ["1 of 1 images are far"]), (None, [])):
        network = Halves()
        network.usual = usual
        caplog.clear()
        list(classify(network, [file], 1, Prepare("false")))
        assert [message[:21] for message in caplog.messages] == said


def test_what_training_pixels_were_is_known_of_published_images_and_of_measured_ones():
    spec = DatasetSpec("x", 3, 8, 8, ("a", "b"), (0.1, 0.2, 0.3), (0.25, 0.25, 0.25), 1, 1)
    imagenet = [0.485, 0.456, 0.406]
    assert usual_pixels({"name": "image_folder", "mean": "auto", "std": "auto"}, spec) == pytest.approx((0.2, 0.25))
    assert usual_pixels({"name": "mnist", "mean": imagenet}, spec) == pytest.approx((0.1307, 0.3081), abs=1e-4)
    for mean in (None, imagenet):
        assert usual_pixels({"name": "image_folder", "mean": mean, "std": mean}, spec) is None
    assert usual_pixels({"name": "mnist", "_target_": "theirs.Images"}, spec) is None


def test_networks_of_other_images_are_refused_digits():
    network = Halves()
    network.spec = DatasetSpec("cifar10", 3, 32, 32, ("a", "b"), (0.5,) * 3, (0.2,) * 3, 1, 1)
    with pytest.raises(UserError, match=r"prepare=mnist: data=cifar10 has other images than digits"):
        classify(network, [], 1, Prepare("auto", "mnist"))
