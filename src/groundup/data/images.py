"""One image file, decoded: its size is checked before its pixels are, and whatever goes wrong names the file."""

from __future__ import annotations

import importlib.util
import io
import logging
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from groundup.data.signatures import beginning, begins_as_heif
from groundup.errors import UserError
from groundup.printable import printable

if TYPE_CHECKING:  # predictions of a file that was exported take no torch
    from torch import Tensor

log = logging.getLogger(__name__)

MAX_PIXELS = 50_000_000
DIM = 4096  # a picture of 16 bits that stays below may hold 12
# no format that starts another program, as EPS does, or whose header does not tell how many pixels it has, as ICO
_FORMATS: tuple[str, ...] = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP", "AVIF", "JPEG2000", "QOI", "PSD")
if importlib.util.find_spec("pillow_heif") is not None:  # of an extra
    import pillow_heif

    pillow_heif.register_heif_opener()
    _FORMATS = (*_FORMATS, "HEIF")
_ACCEPTED = ", ".join(_FORMATS)
_DRAFT = (
    1.5  # times the pixels a side that are wanted are decoded of a JPEG at least: enough for the resampling after it
)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # by the EXIF tag Orientation
_SIDEWAYS = tuple(_TURNS[orientation] for orientation in (5, 6, 7, 8))  # height and width change places
_PHOTOMETRIC, _SAMPLE_FORMAT = 262, 339  # tags of TIFF
_LARGEST = {"L;2": 3, "L;4": 15}  # of the values of a grey PNG of so few bits, which Pillow spreads over 0..255

Background = str | Sequence[int]  # a colour's name, or its red, green and blue of 0..255


@dataclass(frozen=True)
class Manner:
    """How images become the pixels that a network sees.

    Attributes:
        background: what shows through where an image is transparent, and what `pad` adds.
        resize: `squash` does not keep the proportions; `crop` takes the largest square of the middle, and `pad` adds to
            the shorter side.
        decode: `fast` decodes a JPEG that is several times too large at an eighth, a quarter or half of its size.
        bits: how many bits files of 16 bits hold; None takes 16.
        max_pixels: a larger image is refused.
    """

    background: Background = "white"
    resize: Literal["squash", "crop", "pad"] = "squash"
    decode: Literal["fast", "exact"] = "exact"
    bits: int | None = None
    max_pixels: int = MAX_PIXELS


def manner_of(data: Mapping[str, Any]) -> Manner:
    """What a data config says of it; other data, and older runs, say nothing."""
    return Manner(**{key: data[key] for key in Manner.__dataclass_fields__ if key in data})


def plain_manner(manner: Manner) -> dict[str, Any]:
    """What changes pixels, by key of the config, for a checkpoint."""
    background = manner.background if isinstance(manner.background, str) else list(manner.background)
    return {"background": background} | {key: getattr(manner, key) for key in ("resize", "decode", "bits")}


class Decoded(NamedTuple):
    """An image, and what makes one doubt that it was meant so, in words; None where nothing does."""

    pixels: Tensor
    doubt: str | None


def read_image(
    path: str | os.PathLike[str],
    channels: int,
    image_size: tuple[int, int],
    background: Background = "white",
    manner: Manner | None = None,
) -> Tensor:
    """Reads an image as `decode` does, and logs what is doubtful about it."""
    pixels, doubt = decode(path, channels, image_size, background, manner)
    if doubt is not None:
        log.warning("%s: %s", printable(os.fspath(path)), doubt)
    return pixels


def decode(
    path: str | os.PathLike[str],
    channels: int,
    image_size: tuple[int, int],
    background: Background = "white",
    manner: Manner | None = None,
    content: bytes | None = None,
) -> Decoded:
    """Reads an image as `(channels, H, W)` of uint8, turned as its EXIF data says and resized (bilinear, antialiased).

    Of several frames or pages the first is read. Of 16 bits the upper 8 are; of 12, where the file says that it holds
    12 (a TIFF), the upper 8 of these.

    Args:
        path: of a file of one of the formats, whatever its name.
        channels: 1 (grey) or 3 (colour); the file may have others.
        image_size: height and width.
        background: what shows through where the image is transparent.
        manner: all that is said of it, the background too; None: as `Manner` has it.
        content: of the file, where it has been read already.

    Raises:
        UserError: the file cannot be read, is no such image, or has too many pixels.
    """
    import torch

    pixels, doubt = decode_array(path, channels, image_size, manner or Manner(background), content)
    return Decoded(torch.from_numpy(pixels), doubt)


def decode_array(
    path: str | os.PathLike[str],
    channels: int,
    image_size: tuple[int, int] | None,
    manner: Manner,
    content: bytes | None = None,
) -> tuple[NDArray[np.uint8], str | None]:
    """As `decode`, but an array; an image of its own size where that is None. Takes no torch."""
    with _opened(path, manner.max_pixels, content) as image:
        turn = _turn(image) if image.format == "JPEG" and manner.decode == "fast" else None
        if image_size is not None and image.format == "JPEG" and manner.decode == "fast":
            _draft(image, image_size, turn)
        rawmode = _rawmode(image)
        image.load()
        turn = _turn(image)
        flat, doubt = flattened(image, rawmode, manner.background, manner.bits)
        grey_or_colour = flat.convert("L" if channels == 1 else "RGB")
        upright = grey_or_colour if turn is None else grey_or_colour.transpose(turn)
        size = upright.size if image_size is None else image_size[::-1]
        pixels = np.asarray(upright if image_size is None else _resized(upright, size, manner))
    return pixels.reshape(*size[::-1], channels).transpose(2, 0, 1).copy(), doubt


def _draft(image: Image.Image, image_size: tuple[int, int], turn: Image.Transpose | None) -> None:
    """Has the decoder leave out what is not wanted: of a 12-megapixel photo all but a few per cent of the work."""
    height, width = image_size[::-1] if turn in _SIDEWAYS else image_size
    image.draft(None, (int(_DRAFT * width), int(_DRAFT * height)))  # type: ignore[arg-type]  # no mode: grey is made later


def _resized(image: Image.Image, size: tuple[int, int], manner: Manner) -> Image.Image:
    """The image as width and height say."""
    if manner.resize == "squash":
        return image.resize(size, Image.Resampling.BILINEAR)
    scales = [wanted / there for wanted, there in zip(size, image.size, strict=True)]
    if manner.resize == "crop":
        whole = [wanted / max(scales) for wanted in size]
        left, top = ((there - part) / 2 for there, part in zip(image.size, whole, strict=True))
        return image.resize(size, Image.Resampling.BILINEAR, (left, top, left + whole[0], top + whole[1]))
    inner = [max(1, round(there * min(scales))) for there in image.size]
    ground = manner.background if isinstance(manner.background, str) else tuple(manner.background)
    padded = Image.new("RGB", size, ground).convert(image.mode)  # type: ignore[arg-type]
    place = tuple((wanted - part) // 2 for wanted, part in zip(size, inner, strict=True))
    padded.paste(image.resize((inner[0], inner[1]), Image.Resampling.BILINEAR), (place[0], place[1]))
    return padded


def inspect(path: str | os.PathLike[str], manner: Manner | None = None) -> str | None:
    """Reads an image's header alone, but all of one of 16 bits. Returns what is doubtful about it.

    Raises:
        UserError: as `decode`, but for a picture that is damaged behind its header.
    """
    manner = manner or Manner()
    with _opened(path, manner.max_pixels) as image:
        deep = image.mode.startswith("I;16")
    return decode(path, 1, (1, 1), manner=manner).doubt if deep else None


@contextmanager
def _opened(path: str | os.PathLike[str], max_pixels: int, content: bytes | None = None) -> Iterator[Image.Image]:
    """An image file whose header is read. Whatever is raised inside, by a decoder say, becomes words about the file."""
    name = printable(os.fspath(path))
    try:
        if content is None:
            _refuse_other_than_a_file(path)
        with (
            open(path, "rb") if content is None else io.BytesIO(content) as file,
            Image.open(file, formats=_FORMATS) as image,
        ):
            if image.width * image.height > max_pixels:
                raise UserError(
                    f"{name}: {image.width}x{image.height} pixels; accepted: at most {max_pixels:,} in all "
                    "(data.max_pixels)"
                )
            yield image
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        raise UserError(f"{name}: {error}; accepted: at most {max_pixels:,} pixels in all") from error
    except UnidentifiedImageError as error:
        raise UserError(f"{name}: {_what_else(path)}; accepted: {_ACCEPTED}") from error
    except OSError as error:
        raise UserError(f"{name}: cannot be read as an image: {error.strerror or _words(error)}") from error
    except Exception as error:  # of any kind: decoders meet damaged bytes with TypeError, struct.error and others
        raise UserError(f"{name}: cannot be read as an image: {_words(error)}") from error


def _what_else(path: str | os.PathLike[str]) -> str:
    """What a file is that no decoder knows."""
    if os.path.getsize(path) == 0:
        return "empty"
    if begins_as_heif(beginning(path)):
        return (
            "a damaged HEIC"
            if "HEIF" in _FORMATS
            else "HEIC, which needs the package pillow-heif (pip install 'groundup[heic]')"
        )
    return "not an image"


def _words(error: Exception) -> str:
    return printable(str(error).strip()) or type(error).__name__


def _refuse_other_than_a_file(path: str | os.PathLike[str]) -> None:
    """A named pipe would keep its reader waiting, and a device never end."""
    if os.path.islink(path) and not os.path.exists(path):
        raise UserError(f"{printable(os.fspath(path))}: a link to {printable(os.readlink(path))}, which is not there")
    if not stat.S_ISREG(os.stat(path).st_mode):
        kind = "a folder" if os.path.isdir(path) else "a named pipe or a device"
        raise UserError(f"{printable(os.fspath(path))}: {kind}; accepted: an image file")


def _rawmode(image: Image.Image) -> str:
    """How the pixels lie in the file, in Pillow's words, and by which decoder; known until they are loaded."""
    if not isinstance(image, ImageFile.ImageFile) or not image.tile:
        return ""
    codec, _, _, args = image.tile[0]
    return "scaled" if codec.startswith("ppm") else str(args[0] if isinstance(args, tuple) and args else args)


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What turns the picture upright. Of its EXIF data the orientation alone is decoded; a TIFF is upright already."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception as error:
        raise ValueError(f"its EXIF data, which says which way is up, is damaged: {_words(error)}") from error
    return _TURNS.get(orientation) if isinstance(orientation, int) else None


def flattened(
    image: Image.Image, rawmode: str, background: Background, bits: int | None = None
) -> tuple[Image.Image, str | None]:
    """The image with 8 bits a channel and without transparency, and what is doubtful about it."""
    if set(_tag(image, _SAMPLE_FORMAT, (1,))) != {1}:
        raise ValueError("pixels that are signed or of floating point; accepted: unsigned pixels of 8 or 16 bits")
    doubt = None
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        image, doubt = _of_eight_bits(image, rawmode, bits)
    elif image.mode in ("I", "F"):
        raise ValueError("pixels of 32 bits; accepted: 8 or 16")
    elif "transparency" in image.info:
        _correct_transparent_value(image, rawmode)
    if image.mode == "LAB":
        image = image.convert("RGB")  # it has no other way to L
    return _opaque(image, background), doubt


def _tag(image: Image.Image, number: int, default: Any) -> Any:
    """Of a TIFF; the default of another format."""
    return getattr(image, "tag_v2", {}).get(number, default)


def _of_eight_bits(image: Image.Image, rawmode: str, said: int | None) -> tuple[Image.Image, str | None]:
    """An image of 16 bits, which Pillow would clip at 255, with 8 bits; one that has a transparent value as LA."""
    values = np.asarray(image).astype(np.uint16)  # from here on in the machine's own order of bytes
    bits = 12 if rawmode == "I;12" else 16
    if bits == 16 and rawmode != "scaled" and said is not None:
        bits = said
        if (largest := int(values.max())) >= 2**bits:
            raise ValueError(f"a value of {largest:,}; accepted by data.bits={bits}: below {2**bits:,}")
    if image.format == "TIFF" and _tag(image, _PHOTOMETRIC, 0) == 0:
        values = (2**bits - 1) - values  # white is zero: Pillow sees to it for 8 bits alone
    doubt = None
    if bits == 16 and rawmode != "scaled" and 0 < (largest := int(values.max())) < DIM:
        doubt = (
            f"of 16 bits, and no value above {largest:,} of 65,535, so it is nearly black; if it holds 12 bits, "
            "say data.bits=12"
        )
    grey = Image.fromarray((values >> (bits - 8)).astype(np.uint8))
    if (transparent := image.info.get("transparency")) is None:
        return grey, doubt
    seen = Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8))
    return Image.merge("LA", (grey, seen)), doubt


def _correct_transparent_value(image: Image.Image, rawmode: str) -> None:
    """Pillow compares a PNG's transparent value, which is as in the file, to pixels that it has brought to 8 bits."""
    if rawmode == "RGB;16B":
        raise ValueError("a transparent colour of 16 bits a channel; accepted: 8 bits, or an alpha channel")
    if rawmode in _LARGEST:
        image.info["transparency"] = image.info["transparency"] * 255 // _LARGEST[rawmode]


def _opaque(image: Image.Image, background: Background) -> Image.Image:
    """The image on its background, as RGBA; one without transparency as it is."""
    if not image.has_transparency_data:
        return image
    ground = background if isinstance(background, str) else (*background, 255)
    straight = image.convert("LA") if image.mode == "La" else image  # La has no way to RGBA
    return Image.alpha_composite(Image.new("RGBA", image.size, ground), straight.convert("RGBA"))
