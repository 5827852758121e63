from __future__ import annotations

import io
import logging
import os
import random
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from image_bytes import exif, png, tiff
from PIL import Image
from reading import read

from groundup.data.images import Manner, decode, flattened, inspect, read_image
from groundup.data.specs import make_spec
from groundup.errors import UserError


def saved(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def read_bytes(path: Path, content: bytes, channels: int = 3, **options):
    path.write_bytes(content)
    with Image.open(io.BytesIO(content)) as image:
        size = image.height, image.width
    return read_image(path, channels, size, **options)


# Every mode: one pixel, its colour as the mode has it, and what it is on white as red, green, blue and as grey.
# A colour x at alpha a on white is x a + 255 (1 - a); grey is 0.299 red + 0.587 green + 0.114 blue (ITU-R 601).
MODES = {
    "1": (255, (255, 255, 255), 255),
    "L": (100, (100, 100, 100), 100),
    "P": (1, (200, 100, 50), 124),  # 59.8 + 58.7 + 5.7
    "RGB": ((200, 100, 50), (200, 100, 50), 124),
    "RGBX": ((200, 100, 50, 0), (200, 100, 50), 124),  # X means nothing
    "RGBA": ((200, 100, 50, 51), (244, 224, 214), 229),  # a fifth: 40 + 204, 20 + 204, 10 + 204
    "RGBa": ((40, 20, 10, 51), (244, 224, 214), 229),  # the same, multiplied by its alpha
    "LA": ((100, 51), (224, 224, 224), 224),  # 20 + 204
    "La": ((20, 51), (224, 224, 224), 224),
    "PA": ((1, 51), (244, 224, 214), 229),
    "CMYK": ((0, 128, 255, 51), (204, 102, 0), 121),  # (255 - c) (255 - k) / 255: 204, 101.6, 0
    "YCbCr": ((100, 128, 228), (240, 29, 100), 100),  # red 100 + 1.402 * 100, green 100 - 0.714 * 100
    "HSV": ((85, 255, 200), (0, 200, 0), 117),  # a third of the circle is green
    "LAB": ((255, 128, 128), (255, 255, 255), 255),  # L 100, without colour
    "I;16": (0x6432, (100, 100, 100), 100),  # the upper byte
    "I;16L": (0x6432, (100, 100, 100), 100),
    "I;16B": (0x6432, (100, 100, 100), 100),
    "I;16N": (0x6432, (100, 100, 100), 100),
}
REFUSED = ("I", "F")


def test_every_mode_of_pillow_is_looked_at():
    from PIL.ImageMode import getmode

    assert {*Image.MODES, "RGBX", "RGBa", "La", "PA", "I;16L", "I;16B", "I;16N", "LAB", "HSV"} == {*MODES, *REFUSED}
    assert all(getmode(mode) for mode in MODES)


@pytest.mark.parametrize("mode", MODES)
def test_of_every_mode_the_colour_is_the_one_computed_by_hand(mode):
    value, colour, grey = MODES[mode]
    image = Image.new(mode, (3, 2), value) if not mode.startswith(("I;16", "P")) else _special(mode, value)
    flat, doubt = flattened(image, "", "white")
    assert doubt is None
    assert np.abs(np.asarray(flat.convert("RGB")).astype(int) - colour).max() <= 1
    assert np.abs(np.asarray(flat.convert("L")).astype(int) - grey).max() <= 1


def _special(mode: str, value) -> Image.Image:
    """Of modes that `Image.new` does not fill."""
    if mode.startswith("I;16"):
        order = {"I;16B": ">u2", "I;16N": "=u2"}.get(mode, "<u2")
        return Image.frombytes(mode, (3, 2), np.full((2, 3), value, order).tobytes())
    image = Image.new("P", (3, 2), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    if mode == "PA":
        image = image.convert("PA")
        image.putalpha(value[1])
    return image


@pytest.mark.parametrize("mode", REFUSED)
def test_pixels_of_32_bits_are_refused(mode, tmp_path):
    path = tmp_path / "deep.tif"
    Image.new(mode, (3, 2)).save(path)
    with pytest.raises(UserError, match=r"deep\.tif: .*(32 bits|floating point)"):
        read_image(path, 1, (2, 3))


def gif() -> bytes:
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette(bytes(6))
    return saved(image, "GIF", transparency=1)


# Black ink on a transparent ground: the left pixel is ink, the right one is nothing, black below its transparency.
INK = Image.fromarray(np.array([[[0, 0, 0, 255], [0, 0, 0, 0]]], np.uint8), "RGBA")
TRANSPARENT = {
    "RGBA PNG": saved(INK, "PNG"),
    "RGBA WebP": saved(INK, "WEBP", lossless=True, exact=True),
    "RGBA TIFF": saved(INK, "TIFF"),
    "LA PNG": saved(INK.convert("LA"), "PNG"),
    "RGBA PNG of 16 bits": png((2, 1), 16, 6, struct.pack(">8H", 0, 0, 0, 65535, 0, 0, 0, 0)),
    "LA PNG of 16 bits": png((2, 1), 16, 4, struct.pack(">4H", 0, 65535, 0, 0)),
    "palette PNG, one transparent": png((2, 1), 8, 3, b"\0\1", PLTE=bytes(6), tRNS=b"\xff\x00"),
    "palette PNG, each its alpha": png((2, 1), 8, 3, b"\0\1", PLTE=bytes(6), tRNS=b"\xfe\x01"),
    "palette PNG of 2 colours": png((2, 1), 1, 3, b"\x40", PLTE=bytes(6), tRNS=b"\xff\x00"),
    "palette PNG of 16 colours": png((2, 1), 4, 3, b"\x01", PLTE=bytes(6), tRNS=b"\xff\x00"),
    "grey PNG, one value transparent": png((2, 1), 8, 0, b"\0\1", tRNS=b"\0\1"),
    "grey PNG of 16 bits likewise": png((2, 1), 16, 0, b"\0\0\0\1", tRNS=b"\0\1"),
    "colour PNG, one colour transparent": png((2, 1), 8, 2, bytes(5) + b"\1", tRNS=b"\0\0\0\0\0\1"),
    "GIF": gif(),
    "LA TIFF": tiff((2, 1), (8, 8), 1, b"\0\xff\0\0", extra_samples=2),
    "La TIFF": tiff((2, 1), (8, 8), 1, b"\0\xff\0\0", extra_samples=1),
    "RGBa TIFF": tiff((2, 1), (8, 8, 8, 8), 2, b"\0\0\0\xff\0\0\0\0", extra_samples=1),
    "RGBA TIFF of 16 bits": tiff((2, 1), (16,) * 4, 2, bytes(6) + b"\xff\xff" + bytes(8), extra_samples=2),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", TRANSPARENT)
def test_what_is_transparent_shows_the_background(kind, channels, tmp_path):
    def read(background):
        pixels = read_bytes(tmp_path / "x", TRANSPARENT[kind], channels, background=background)
        return [pixels[:, 0, column].tolist() for column in (0, 1)]

    ink, nothing = read("white")
    assert max(ink) <= 1
    assert min(nothing) >= 254
    assert max(read("black")[1]) <= 1
    orange = [255, 165, 0] if channels == 3 else [173]  # 76.2 + 96.9
    assert np.abs(np.array(read([255, 165, 0])[1]) - orange).max() <= 1


@pytest.mark.parametrize(("depth", "pixels", "largest"), [(1, b"\x40", 1), (2, b"\x30", 3), (4, b"\x0f", 15)])
def test_a_transparent_value_is_meant_at_the_files_own_depth(depth, pixels, largest, tmp_path):
    """Of two pixels, 0 and the largest value, the second is transparent: black where the background is."""
    content = png((2, 1), depth, 0, pixels, tRNS=struct.pack(">H", largest))
    assert read_bytes(tmp_path / "x", content, 1, background="black").flatten().tolist() == [0, 0]
    assert read_bytes(tmp_path / "x", png((2, 1), depth, 0, pixels), 1).flatten().tolist() == [0, 255]


def test_a_transparent_value_of_16_bits_is_not_that_of_its_upper_half(tmp_path):
    values = (0x1234, 0x1235, 0xFFFF)
    content = png((3, 1), 16, 0, struct.pack(">3H", *values), tRNS=struct.pack(">H", 0x1234))
    assert read_bytes(tmp_path / "x", content, 1).flatten().tolist() == [255, 0x12, 0xFF]


def test_a_transparent_colour_of_16_bits_is_refused(tmp_path):
    content = png((1, 1), 16, 2, bytes(6), tRNS=bytes(6))
    with pytest.raises(UserError, match=r"x: .*a transparent colour of 16 bits a channel"):
        read_bytes(tmp_path / "x", content)
    assert read_bytes(tmp_path / "x", png((1, 1), 16, 2, b"\1\2\3\4\5\6")).flatten().tolist() == [1, 3, 5]


def test_opaque_images_are_read_whatever_the_background(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    opaque = Image.fromarray(pixels)
    for image in (opaque, opaque.convert("RGBA")):
        for background in ("white", "black"):
            read = read_bytes(tmp_path / "x", saved(image, "PNG"), background=background)
            assert np.array_equal(read.permute(1, 2, 0).numpy(), pixels)


def as_files(ink: np.ndarray) -> dict[str, bytes]:
    """A drawing, 255 where there is ink, in black on white, and in black on nothing as every kind of file."""
    drawn = Image.fromarray(np.dstack([np.zeros((*ink.shape, 3), np.uint8), ink]), "RGBA")
    palette = Image.fromarray(ink, "P")
    palette.putpalette(bytes(768))
    return {
        "opaque": saved(Image.fromarray(255 - ink), "PNG"),
        "RGBA PNG": saved(drawn, "PNG"),
        "RGBA WebP": saved(drawn, "WEBP", lossless=True),
        "RGBA TIFF": saved(drawn, "TIFF"),
        "LA PNG": saved(drawn.convert("LA"), "PNG"),
        "palette PNG": saved(palette, "PNG", transparency=bytes(range(256))),
    }


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore:Palette images with Transparency")  # Pillow, of the file that is saved here
def test_digits_on_a_transparent_ground_are_recognised_as_on_white(real_root, tmp_path):
    spec = make_spec({"name": "mnist"})
    training, tested = (
        read(spec, real_root, split, limit=limit) for split, limit in (("train", 20_000), ("test", 300))
    )
    net = learnt(255 - training.pixels, training.labels)

    def accuracy(kind: str, **options) -> float:
        files = [as_files(ink)[kind] for ink in tested.pixels[:, 0].numpy()]
        pixels = torch.stack([read_bytes(tmp_path / "x", content, 1, **options) for content in files])
        return (net(scaled(pixels)).argmax(1) == tested.labels).double().mean().item()

    opaque = accuracy("opaque")
    assert opaque > 0.9
    for kind in as_files(np.zeros((2, 2), np.uint8)):
        assert accuracy(kind) == pytest.approx(opaque, abs=0.004), kind  # one image: colours are rounded otherwise
    assert accuracy("RGBA PNG", background="black") < 0.3


def scaled(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.flatten(1).float() / 255 - 0.87


def learnt(pixels: torch.Tensor, labels: torch.Tensor) -> torch.nn.Module:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    optimizer = torch.optim.Adam(net.parameters())
    for rows in torch.cat([torch.randperm(len(labels)) for _ in range(3)]).split(128):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(scaled(pixels[rows])), labels[rows]).backward()
        optimizer.step()
    return net


# Depth


def pgm(largest: int, *values: int) -> bytes:
    return b"P5 %d 1 %d\n" % (len(values), largest) + struct.pack(
        f">{len(values)}{'H' if largest > 255 else 'B'}", *values
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (pgm(65535, 0, 0x8000, 65535), [0, 128, 255]),
        (pgm(4095, 0, 2048, 4095), [0, 127.5, 255]),
        (pgm(4095, 0, 1, 40), [0, 0.06, 2.5]),
        (pgm(100, 0, 50, 100), [0, 127.5, 255]),
        (b"P2 3 1 1000\n0 500 1000\n", [0, 127.5, 255]),
        (b"P6 1 1 4095\n" + struct.pack(">3H", 0, 2048, 4095), [0, 127.5, 255]),
        (tiff((3, 1), (16,), 1, struct.pack("<3H", 0, 0x8000, 65535)), [0, 128, 255]),
        (tiff((3, 1), (16,), 0, struct.pack("<3H", 0, 0x8000, 65535)), [255, 127, 0]),  # white is zero
        (tiff((3, 1), (8,), 0, b"\x00\x80\xff"), [255, 127, 0]),
        (tiff((4, 1), (12,), 1, bytes.fromhex("000800 fff 010".replace(" ", ""))), [0, 128, 255, 1]),  # 12 bits each
        (
            tiff((3, 1), (16,), 1, struct.pack("<3H", 0, 2048, 65535), largest=4095),
            [0, 8, 255],
        ),  # not for display, TIFF 6
        (png((3, 1), 16, 0, struct.pack(">3H", 0, 0x8000, 65535), sBIT=b"\x0c"), [0, 128, 255]),  # PNG 11.3.2.5
    ],
    ids=str,
)
def test_the_largest_value_that_the_file_declares_is_white(content, expected, tmp_path, caplog):
    path = tmp_path / "x"
    path.write_bytes(content)
    with Image.open(path) as image:
        size, colour = image.size, image.mode == "RGB"
    read = read_image(path, 3 if colour else 1, size[::-1]).flatten().tolist()
    assert np.abs(np.array(read) - expected).max() <= 1
    assert not caplog.records


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_twelve_bits_in_a_file_of_sixteen_are_said(kind, tmp_path, caplog):
    path = tmp_path / "deep"
    path.write_bytes(saved(Image.fromarray(np.array([[0, 4095]], np.uint16)), kind))
    assert decode(path, 1, (1, 2)).doubt == inspect(path)
    assert "no value above 4,095 of 65,535" in inspect(path)
    with caplog.at_level(logging.WARNING):
        assert read_image(path, 1, (1, 2)).flatten().tolist() == [0, 15]
    assert [record.getMessage().partition(": ")[0] for record in caplog.records] == [str(path)]
    for values in ([0, 4096], [0, 0]):
        path.write_bytes(saved(Image.fromarray(np.array([values], np.uint16)), kind))
        assert inspect(path) is None


@pytest.mark.parametrize("sample_format", [2, 3])
@pytest.mark.parametrize("bits", [8, 16, 32])
def test_signed_pixels_are_refused(sample_format, bits, tmp_path):
    content = tiff((2, 1), (bits,), 1, bytes(2 * bits // 8), sample_format=sample_format)
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UserError, match=r"x: (cannot be read as an image: .*signed|not an image)"):
        read_image(tmp_path / "x", 1, (1, 2))


# Which way is up

# The corners of a picture 2 wide and 3 high, and where each orientation of the EXIF standard has them.
CORNERS = np.array([[10, 20], [30, 40], [50, 60]], np.uint8)
UPRIGHT = {
    1: CORNERS,
    2: CORNERS[:, ::-1],
    3: CORNERS[::-1, ::-1],
    4: CORNERS[::-1],
    5: CORNERS.T,
    6: CORNERS[::-1].T,  # the first row is the right side
    7: CORNERS[::-1, ::-1].T,
    8: CORNERS[:, ::-1].T,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "PNG of 16 bits", "TIFF", "TIFF of 16 bits"])
def test_a_picture_is_turned_as_its_exif_data_says(kind, orientation, tmp_path):
    values = CORNERS if "16" not in kind else CORNERS.astype(np.uint16) * 257
    if kind.startswith("TIFF"):
        little_endian = values.astype(values.dtype.newbyteorder("<")).tobytes()
        content = tiff((2, 3), (8 * values.itemsize,), 1, little_endian, orientation=orientation)
    else:
        options = {"lossless": True} if kind == "WEBP" else {}
        content = saved(Image.fromarray(values), kind.split()[0], exif=exif(orientation), **options)
    (tmp_path / "x").write_bytes(content)
    expected = UPRIGHT[orientation]
    assert read_image(tmp_path / "x", 1, expected.shape)[0].tolist() == expected.tolist()


ODD = {  # entries of 12 bytes: tag, type, count, value
    "thumbnail of type double": struct.pack("<HHII", 0x209, 12, 1, 4),
    "no type": struct.pack("<HHII", 0x110, 0, 1, 0),
    "a type that is none": struct.pack("<HHII", 0x110, 99, 1, 0),
    "a rational of text": struct.pack("<HHII", 0x11A, 2, 4, 0x41414141),
    "negative rational beyond the end": struct.pack("<HHII", 0x11A, 10, 1, 0xFFFFFFF0),
    "more values than there are bytes": struct.pack("<HHII", 0x13E, 5, 0x7FFFFFFF, 8),
    "a directory of text": struct.pack("<HHII", 0x8769, 2, 4, 0x41414141),
    "a directory that is itself": struct.pack("<HHII", 0x8769, 4, 1, 8),
    "a place behind the end": struct.pack("<HHII", 0x8825, 4, 1, 0xFFFFFFFF),
}


@pytest.mark.filterwarnings("ignore")  # Pillow says that it passes some of them over
@pytest.mark.parametrize("odd", ODD)
def test_nothing_else_of_the_exif_data_is_minded(odd, tmp_path):
    image = Image.fromarray(CORNERS.repeat(8, 0).repeat(8, 1))
    expected = UPRIGHT[6]
    for kind in ("JPEG", "PNG"):
        (tmp_path / "x").write_bytes(saved(image, kind, exif=exif(6, ODD[odd])))
        read = read_image(tmp_path / "x", 1, expected.shape)[0].numpy()
        assert np.abs(read.astype(int) - expected).max() <= 12  # a JPEG, and pixels at the edge of two are mixed


# What is no image


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.symlink_to("nowhere"), "a link to nowhere, which is not there"),
        (lambda path: path.symlink_to(path), "a link to .*x.png, which is not there"),
        (lambda path: os.mkfifo(path), "a named pipe or a device"),
        (lambda path: path.symlink_to("/dev/zero"), "a named pipe or a device"),
        (lambda path: path.mkdir(), "a folder"),
        (lambda path: path.write_bytes(b""), "empty; accepted: PNG"),
        (lambda path: path.write_bytes(b"<html>"), "not an image; accepted: PNG"),
        (lambda path: path.write_bytes(saved(INK, "PNG")[:40]), "cannot be read|not an image"),
        (lambda path: None, "No such file"),
    ],
)
def test_what_is_no_image_is_refused_and_never_waited_for(make, words, tmp_path):
    path = tmp_path / "x.png"
    make(path)
    with pytest.raises(UserError, match=rf"^{path}: .*({words})"):
        read_image(path, 3, (4, 4))


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    def denied(path, mode):
        raise PermissionError(13, "Permission denied", path)

    (tmp_path / "x.png").write_bytes(saved(INK, "PNG"))
    monkeypatch.setattr("builtins.open", denied)
    with pytest.raises(UserError, match=rf"^{tmp_path}/x.png: .*Permission denied$"):
        read_image(tmp_path / "x.png", 3, (4, 4))


@pytest.mark.parametrize("error", [struct.error, TypeError, KeyError, OverflowError, MemoryError, ZeroDivisionError])
def test_whatever_a_decoder_raises_names_the_file(error, tmp_path, monkeypatch):
    def fail(image):
        raise error

    (tmp_path / "x.png").write_bytes(saved(INK, "PNG"))
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", fail)
    with pytest.raises(UserError, match=rf"x\.png: cannot be read as an image: {error.__qualname__}"):
        read_image(tmp_path / "x.png", 3, (4, 4))


def test_an_odd_name_is_one_printable_line(tmp_path):
    path = tmp_path / "a\nb\x1b[31m\udce9.png"
    path.write_bytes(b"nothing")
    with pytest.raises(UserError) as caught:
        read_image(path, 3, (4, 4))
    assert str(caught.value).isprintable()
    assert r"a\nb\x1b[31m\udce9.png" in str(caught.value)


# Mutated files are read or refused by name


def _samples() -> dict[str, bytes]:
    noise = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)
    colour = Image.fromarray(noise)
    grey, ink = colour.convert("L"), colour.convert("RGBA")
    odd = exif(6, *ODD.values())
    return {
        "PNG": saved(ink, "PNG"),
        "PNG with EXIF": saved(colour, "PNG", exif=odd),
        "PNG, palette": saved(colour.convert("P"), "PNG", transparency=3),
        "PNG of 16 bits": saved(Image.fromarray(noise[..., 0].astype(np.uint16) * 200), "PNG"),
        "JPEG": saved(colour, "JPEG"),
        "JPEG with EXIF": saved(grey, "JPEG", exif=odd),
        "JPEG, CMYK": saved(colour.convert("CMYK"), "JPEG"),
        "GIF": saved(colour.convert("P"), "GIF", transparency=3),
        "WebP": saved(ink, "WEBP"),
        "WebP with EXIF": saved(colour, "WEBP", lossless=True, exif=odd),
        "TIFF": saved(colour, "TIFF"),
        "TIFF, packed": saved(colour, "TIFF", compression="tiff_lzw"),
        "TIFF of 16 bits": tiff((10, 12), (16,), 0, noise[..., 0].astype("<u2").tobytes(), orientation=6),
        "BMP": saved(colour, "BMP"),
        "BMP, palette": saved(colour.convert("P"), "BMP"),
        "PGM": saved(grey, "PPM"),
        "PGM of 16 bits": pgm(4095, *range(0, 4095, 63)),
    }


SAMPLES = _samples()


def mutated(content: bytes, source: random.Random) -> bytes:
    """Some bytes changed, most of them near the beginning; now and then cut off, or with bytes left out or put in."""
    result = bytearray(content)
    for _ in range(source.choice((1, 1, 2, 4, 16))):
        near = source.random() < 0.7
        place = source.randrange(min(len(result), 120) if near else len(result))
        result[place] = source.choice((0, 1, 255, 127, 128, source.randrange(256)))
    choice = source.random()
    place = source.randrange(1, len(result))
    if choice < 0.1:
        return bytes(result[:place])
    if choice < 0.15:
        return bytes(result[:place] + result[place + 1 :])
    return bytes(result[:place] + b"\0" + result[place:]) if choice < 0.2 else bytes(result)


def read_or_refused(path: Path, kind: str, seeds: range) -> int:
    """How many mutants are refused; any other error than one that names the file is raised."""
    refused = 0
    for seed in seeds:
        path.write_bytes(mutated(SAMPLES[kind], random.Random(f"{kind} {seed}")))
        words = refusal(path)
        assert words is None or (words.startswith(f"{path}: ") and "\n" not in words)
        refused += words is not None
    return refused


def refusal(path: Path) -> str | None:
    try:
        assert read_image(path, 3, (6, 6)).shape == (3, 6, 6)
    except UserError as error:
        return str(error)
    return None


@pytest.mark.filterwarnings("ignore")  # Pillow warns of damaged metadata
@pytest.mark.parametrize("kind", SAMPLES)
def test_a_damaged_file_is_read_or_refused_by_name(kind, tmp_path):
    assert 0 < read_or_refused(tmp_path / "x", kind, range(40)) <= 40


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", SAMPLES)
def test_a_thousand_damaged_files_are_read_or_refused_by_name(kind, tmp_path):
    assert 0 < read_or_refused(tmp_path / "x", kind, range(40, 1040)) <= 1000


@pytest.mark.parametrize("kind", ["JPEG", "AVIF", "JPEG2000", "WEBP"])
def test_what_an_image_is_its_content_tells_not_its_name(kind, tmp_path):
    path = tmp_path / "photo.jfif"
    Image.new("RGB", (16, 16), (200, 100, 50)).save(path, kind)
    colour = decode(path, 3, (4, 4)).pixels.float().mean(dim=(1, 2))
    assert colour.sub(torch.tensor([200.0, 100.0, 50.0])).abs().max() < 6


def test_a_heic_is_read_where_its_package_is_and_named_where_it_is_not(tmp_path, monkeypatch):
    heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "photo.jpg"
    heif.from_pillow(Image.new("RGB", (64, 64), (200, 100, 50))).save(path, format="HEIF")
    assert decode(path, 3, (2, 2)).pixels[0].float().mean() == pytest.approx(200, abs=6)
    monkeypatch.setattr("groundup.data.images._FORMATS", ("PNG", "JPEG"))
    with pytest.raises(UserError, match=r"HEIC, which needs the package pillow-heif"):
        decode(path, 3, (2, 2))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("resize", ["squash", "crop", "pad"])
def test_a_jpeg_decoded_at_a_part_of_its_size_is_nearly_the_same_image(resize, orientation, tmp_path):
    y, x = np.mgrid[:1200, :1600] / 1600
    waves = np.stack([np.sin(9 * x + 4 * y), np.cos(7 * y), np.sin(11 * x * y)], axis=-1)
    pixels = (127 + 100 * waves).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "1.jpg", quality=95, exif=exif(orientation))
    exact, fast = (
        decode(tmp_path / "1.jpg", 3, (64, 64), manner=Manner(resize=resize, decode=how)).pixels.float()
        for how in ("exact", "fast")
    )
    assert (exact - fast).abs().mean() < 1
    assert (exact - fast.flip(2)).abs().mean() > 20  # what another picture would differ by


def test_an_image_is_cropped_or_padded_to_a_square_as_asked_for(tmp_path):
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, :2], pixels[:, 2:6], pixels[:, 6:] = 50, 100, 150  # thirds of the width; the middle is a square
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    crop = decode(tmp_path / "wide.png", 1, (4, 4), manner=Manner(resize="crop")).pixels
    assert crop.unique().tolist() == [100]
    pad = decode(tmp_path / "wide.png", 3, (8, 8), manner=Manner([10, 20, 30], "pad")).pixels
    assert torch.equal(pad[:, 2:6], torch.from_numpy(pixels).permute(2, 0, 1))
    assert pad[:, [0, 1, 6, 7]].flatten(1).unique(dim=1).flatten().tolist() == [10, 20, 30]


def test_bits_that_are_said_are_those_of_white(tmp_path):
    Image.fromarray(np.array([[4095, 2048]], np.uint16)).save(tmp_path / "deep.png")
    found = decode(tmp_path / "deep.png", 1, (1, 2), manner=Manner(bits=12))
    assert (found.pixels.flatten().tolist(), found.doubt) == ([255, 128], None)
    with pytest.raises(UserError, match=r"deep.png: .*a value of 4,095; accepted by data.bits=11: below 2,048"):
        decode(tmp_path / "deep.png", 1, (1, 2), manner=Manner(bits=11))


def test_an_image_of_more_pixels_than_are_accepted_is_refused(tmp_path):
    Image.new("L", (20, 10)).save(tmp_path / "large.png")
    with pytest.raises(UserError, match=r"20x10 pixels; accepted: at most 199 in all \(data.max_pixels\)"):
        inspect(tmp_path / "large.png", Manner(max_pixels=199))
