from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from reading import read

from groundup.data import images as image_files
from groundup.data.download import ensure
from groundup.data.folder_images import read_folder
from groundup.data.images import read_image
from groundup.data.published import digits
from groundup.data.specs import make_spec
from groundup.errors import UserError


def statistics(pixels: torch.Tensor) -> tuple[list[float], list[float]]:
    scaled = pixels.double() / 255
    return scaled.mean((0, 2, 3)).tolist(), scaled.std((0, 2, 3)).tolist()


def test_the_file_of_digits_is_scikit_learns_copy_of_ucis():
    from sklearn.datasets import load_digits

    text = gzip.decompress(digits.FILE.read_bytes())
    assert hashlib.sha256(text).hexdigest() == "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"
    table = np.array([line.split(",") for line in text.decode("ascii").splitlines()], dtype=int)
    bunch = load_digits()
    assert np.array_equal(table, np.column_stack([bunch.data, bunch.target]))
    assert not np.array_equal(table, np.column_stack([bunch.data, np.roll(bunch.target, 1)]))  # the control


def test_the_licence_of_the_digits_lies_beside_them():
    terms = digits.FILE.with_name("digits.txt").read_text()
    for words in ("E. Alpaydin and C. Kaynak", "doi.org/10.24432/C50P49", "creativecommons.org/licenses/by/4.0/"):
        assert words in terms


def test_digits_are_scikit_learns_every_fifth_for_testing():
    from sklearn.datasets import load_digits

    bunch = load_digits()
    spec = make_spec({"name": "digits"})
    train, test = read(spec, "", "train"), read(spec, "", "test")
    tested = np.arange(1797) % 5 == 4
    for images, rows in ((train, ~tested), (test, tested)):
        assert images.pixels.dtype == torch.uint8
        assert images.labels.dtype == torch.int64
        assert images.labels.tolist() == bunch.target[rows].tolist()
        assert np.abs(images.pixels[:, 0].numpy() / 255 - bunch.images[rows] / 16).max() <= 0.5 / 255
    assert (len(train.labels), len(test.labels)) == (spec.train_size, spec.test_size)
    assert np.allclose(statistics(train.pixels), ([spec.mean[0]], [spec.std[0]]), atol=1e-4)
    assert read(spec, "", "val") is None


def test_reading_digits_imports_no_torchvision():
    code = (
        "import sys; from groundup.data.sources import held; from groundup.data.published import published_set;"
        "digits = published_set('digits'); held(digits.spec, 'train', digits.read('', 'train'), (16, 16));"
        "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "torchvision" not in loaded


def test_resizing_agrees_with_pillows():
    spec = make_spec({"name": "digits", "image_size": 16})
    small = read(make_spec({"name": "digits"}), "", "train", limit=20).pixels
    large = read(spec, "", "train", limit=20).pixels
    assert large.shape == (20, 1, 16, 16)
    expected = [Image.fromarray(image[0].numpy()).resize((16, 16), Image.Resampling.BILINEAR) for image in small]
    assert np.abs(large[:, 0].numpy().astype(int) - np.stack(expected).astype(int)).max() <= 1


def test_mnist_is_read_from_its_files(server, fake_mnist, tmp_path):
    server.files = fake_mnist
    ensure("mnist", tmp_path, server.url)
    train, test = (read(make_spec({"name": "mnist"}), tmp_path, split) for split in ("train", "test"))
    expected = np.random.default_rng(0).integers(0, 256, (20, 28, 28))
    assert np.array_equal(train.pixels[:, 0].numpy(), expected)
    assert train.labels.tolist() == [*range(10), *range(10)]
    assert test.pixels.shape == (10, 1, 28, 28)


def test_cifar100_has_fine_and_coarse_labels(server, fake_cifar100, tmp_path):
    server.files = {"cifar-100-python.tar.gz": fake_cifar100}
    ensure("cifar100", tmp_path, server.url)
    spec = make_spec({"name": "cifar100"})
    fine = read(spec, tmp_path, "train")
    coarse = read(make_spec({"name": "cifar100", "labels": "coarse"}), tmp_path, "train", labels="coarse")
    assert fine.labels.tolist() == [0, 7, 14, 21, 28, 35]
    assert coarse.labels.tolist() == [1, 2, 3, 4, 5, 6]
    # In the file an image is its 1024 red values, then the green and the blue ones, each row by row.
    expected = (np.arange(6 * 3072) % 251).reshape(6, 3, 32, 32)
    assert np.array_equal(fine.pixels.numpy(), expected)


def make_folder(root) -> None:
    for label, colour in (("blue", (0, 0, 255)), ("red", (255, 0, 0))):
        (root / "train" / label).mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (5 + i, 9), colour).save(root / "train" / label / f"{i}.png")


def test_a_folder_is_read_and_resized(tmp_path):
    make_folder(tmp_path)
    spec = make_spec({"name": "image_folder", "root": str(tmp_path), "image_size": 4})
    images = read_folder(spec, "train")
    assert images.labels.tolist() == [0, 1, 0, 1]
    assert images.pixels.shape == (4, 3, 4, 4)
    assert images.pixels[:, :, 0, 0].tolist() == [[0, 0, 255], [255, 0, 0]] * 2
    assert read_folder(spec, "test") is None


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x89PNG\r\n\x1a\n" + bytes(50), b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_a_file_that_is_no_image_is_named(content, tmp_path):
    make_folder(tmp_path)
    path = tmp_path / "train/red/bad.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"bad\.png"):
        read_folder(make_spec({"name": "image_folder", "root": str(tmp_path), "image_size": 4}), "train")


def test_a_truncated_image_is_named(tmp_path):
    path = tmp_path / "half.png"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"half\.png: cannot be read"):
        read_image(path, 3, (8, 8))


def test_an_image_too_large_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    Image.new("L", (50, 40)).save(path)
    assert read_image(path, 1, (8, 8), manner=image_files.Manner(max_pixels=2000)).shape == (1, 8, 8)
    monkeypatch.setattr(image_files, "flattened", lambda *_: pytest.fail("was decoded"))
    with pytest.raises(UserError, match=r"large\.png: 50x40 pixels"):
        read_image(path, 1, (8, 8), manner=image_files.Manner(max_pixels=1999))


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "bomb.png"
    Image.new("L", (50, 40)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(UserError, match=r"bomb\.png"):
        read_image(path, 1, (8, 8))


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((4, 4), 0x8000, np.uint16)).save(path)
    assert read_image(path, 1, (4, 4)).unique().tolist() == [0x80]


def test_grey_and_colour_are_converted(tmp_path):
    path = tmp_path / "red.png"
    Image.new("RGB", (4, 4), (255, 0, 0)).save(path)
    assert read_image(path, 3, (2, 2))[:, 0, 0].tolist() == [255, 0, 0]
    assert read_image(path, 1, (2, 2))[:, 0, 0].tolist() == [76]  # 0.299 * 255, ITU-R 601
