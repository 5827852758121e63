"""What a run has predicted, image by image: `test_predictions.npz` and `val_predictions.npz`. Imports no torch.

A zip archive of NumPy arrays, none of them pickled and none compressed, so that no small file asks for much memory:

    about          UTF-8 of a JSON text: the data set's name, the split, the names of the classes
    true           (N,) the classes of the images, in the order of the split, by their place among the names
    predicted      (N,) what they were taken for
    doubt          (N,) of half precision: 1 less the probability of the predicted class. Beside 1 half precision has
                   steps of 0.0005, beside 0 of less than a millionth: sure answers can be told from surer ones
    probabilities  (N, K) of half precision, where K is at most 100
    likelihood     (N,) of half precision, instead, where K is more: the probability of the true class

Numbers of half precision are right to three digits: figures of a run are not computed from them.
"""

from __future__ import annotations

import io
import json
import os
import stat
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import ArrayLike, NDArray

from groundup.files import whole
from groundup.rundir.names import PREDICTIONS
from groundup.rundir.plain import MIB, Unreadable, parse_json

MOST_CLASSES = 100  # of which every probability is kept
LARGEST = 512 * MIB  # bytes of a file; 2,600,000 images of 100 classes
_WHAT = "about"
_ABOUT = {"data": str, "split": str, "classes": list}
_NEEDED, _FURTHER = {_WHAT, "true", "predicted"}, {"doubt", "probabilities", "likelihood"}
_ABOUT_SIZE = 16 * MIB  # bytes; names of a million classes
_END, _END_BEGINS = struct.Struct("<4s4H2LH"), b"PK\x05\x06"  # the last bytes of an archive
_LARGER_END_BEGINS = b"PK\x06\x07"  # before these, of one of more than 4 GiB
_LIST_SIZE = 64 * 1024  # bytes of its list of members
_HALF = np.dtype(np.float16)
_ONE = 1 + 1e-4  # what rounding makes of it


@dataclass(frozen=True, eq=False)
class Predictions:
    """The answers to the images of a split.

    Attributes:
        data: the name of the data set.
        split: `train`, `val` or `test`.
        classes: names, K.
        true: `(N,)`, places among the names, in the order of the split.
        predicted: `(N,)`, likewise.
        probabilities: `(N, K)`; None where there are none, or too many to be kept. NaN where the network gave no
            numbers.
        doubt: `(N,)`, 1 less the probability of the predicted class.
        likelihood: `(N,)`, the probability of the true class.

    Raises:
        ValueError: the arrays do not go together.
    """

    data: str
    split: str
    classes: tuple[str, ...]
    true: NDArray[Any]
    predicted: NDArray[Any]
    probabilities: NDArray[Any] | None = None
    doubt: NDArray[Any] | None = None
    likelihood: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        for name in ("true", "predicted"):
            self._put(name, _as_classes(name, getattr(self, name), len(self.classes)))
        images = len(self.true)
        shapes = {"predicted": (images,), "doubt": (images,), "likelihood": (images,)}
        for name, shape in (shapes | {"probabilities": (images, len(self.classes))}).items():
            values = getattr(self, name)
            if values is None:
                continue
            values = np.asarray(values)
            if values.dtype == _HALF:
                values = values.astype(np.float32)  # sums of half precision are none
            if values.shape != shape:
                raise ValueError(f"{name} is of shape {values.shape}, not {shape}")
            if name != "predicted" and not _are_shares(values):
                raise ValueError(f"{name} holds what is not within 0 and 1")
            self._put(name, values)
        if self.probabilities is not None:
            self._fill(self.probabilities, np.arange(images))

    def _fill(self, probabilities: NDArray[Any], rows: NDArray[Any]) -> None:
        if self.doubt is None:
            self._put("doubt", np.clip(1 - probabilities[rows, self.predicted].astype(np.float64), 0, 1))
        if self.likelihood is None:
            self._put("likelihood", probabilities[rows, self.true])

    def _put(self, name: str, values: NDArray[Any]) -> None:
        object.__setattr__(self, name, values)

    @property
    def right(self) -> NDArray[np.bool_]:
        """`(N,)`; an image for which the network gave no numbers is not."""
        right: NDArray[np.bool_] = self.predicted == self.true
        return right if self.doubt is None else right & ~np.isnan(self.doubt)

    @property
    def confidence(self) -> NDArray[np.float64] | None:
        """`(N,)`, the probability of the predicted class."""
        return None if self.doubt is None else 1 - self.doubt.astype(np.float64)

    def difference(self, other: Predictions) -> str | None:
        """Why the answers are not to the same questions, so that they cannot be held against each other; or None."""
        if other is self:
            return None
        for name in ("data", "split"):
            one, another = getattr(self, name), getattr(other, name)
            if one != another:
                return f"{name}={one} and {name}={another}"
        if self.classes != other.classes:
            same = sorted(self.classes) == sorted(other.classes)
            return "the same classes in another order" if same else "other classes"
        if len(self.true) != len(other.true):
            return f"{len(self.true):,} and {len(other.true):,} images"
        return None if np.array_equal(self.true, other.true) else "other images, or in another order"


def write_predictions(file: Path, predictions: Predictions) -> None:
    """Writes them by `groundup.files.whole`.

    Raises:
        OSError: it cannot be written.
        ValueError: there are too many images to be read again.
    """
    arrays = _to_keep(predictions)
    if sum(array.nbytes for array in arrays.values()) > LARGEST:
        raise ValueError(f"{len(predictions.true):,} images: more than {LARGEST // MIB} MiB")
    with whole(file) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), _as_npy(array))  # of no date: equal answers, equal files


def _to_keep(predictions: Predictions) -> dict[str, NDArray[Any]]:
    about = {name: getattr(predictions, name) for name in _ABOUT}
    labels = np.min_scalar_type(len(predictions.classes) - 1)
    arrays = {
        _WHAT: np.frombuffer(json.dumps(about).encode(), np.uint8),
        "true": predictions.true.astype(labels),
        "predicted": predictions.predicted.astype(labels),
    }
    few = len(predictions.classes) <= MOST_CLASSES and predictions.probabilities is not None
    further = {name: getattr(predictions, name) for name in ("doubt", "probabilities" if few else "likelihood")}
    return arrays | {name: values.astype(_HALF) for name, values in further.items() if values is not None}


def _as_npy(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    npy.write_array(stream, np.ascontiguousarray(array), (1, 0), allow_pickle=False)
    return stream.getvalue()


def read_predictions(run_dir: Path, split: str) -> Predictions | None:
    """What a run has predicted for the images of its `val` or `test` split; None where it has kept nothing.

    Raises:
        Unreadable: the file is damaged, is none of these, or of another split.
    """
    file = run_dir / PREDICTIONS[split]
    if not file.exists() and not file.is_symlink():
        return None
    found = read_predictions_file(file)
    if found.split != split:
        raise Unreadable(f"{file.name}: predictions of split={found.split}")
    return found


def read_predictions_file(file: Path) -> Predictions:
    """What `write_predictions` wrote, whoever did.

    Raises:
        Unreadable: it is not there, damaged, or none of these.
    """
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise Unreadable("it is no file but a directory, a pipe or a device")
        if file.stat().st_size > LARGEST + MIB:
            raise Unreadable(f"it is larger than {LARGEST // MIB} MiB")
        with file.open("rb") as stream:
            _refuse_end(stream)
            with zipfile.ZipFile(stream) as archive:
                return _predictions(_arrays(archive))
    except OSError as error:
        raise Unreadable(f"{file.name}: {error.strerror or error}") from error
    except Exception as error:  # of many kinds, from zipfile, where a file makes no sense
        cause = " ".join(str(error).split()) or type(error).__name__
        raise Unreadable(f"{file.name}: no predictions can be read from it: {cause}") from error


def _refuse_end(stream: BinaryIO) -> None:
    """Refuses an archive by what its last bytes say of it: `zipfile` reads the whole list of members, however long."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 2 * _END.size))
    tail = stream.read()
    if len(tail) < 2 * _END.size or not tail[-_END.size :].startswith(_END_BEGINS):
        raise Unreadable("it is not a zip file, or one with a comment")
    _, _, _, _, members, length, _, _ = _END.unpack(tail[-_END.size :])
    if members > len(_NEEDED | _FURTHER) or length > _LIST_SIZE or _LARGER_END_BEGINS in tail[: _END.size]:
        raise Unreadable("it holds other arrays than predictions do")


def _predictions(arrays: dict[str, NDArray[Any]]) -> Predictions:
    about = parse_json(arrays.pop(_WHAT).tobytes())
    if not isinstance(about, dict) or {key: type(value) for key, value in about.items()} != _ABOUT:
        raise Unreadable(f"it does not say of what it is, with {', '.join(_ABOUT)}")
    if not about["classes"] or not all(isinstance(name, str) for name in about["classes"]):
        raise Unreadable("its classes are no names")
    return Predictions(about["data"], about["split"], tuple(about["classes"]), **arrays)


def _arrays(archive: zipfile.ZipFile) -> dict[str, NDArray[Any]]:
    members = archive.infolist()
    names = [member.filename.removesuffix(".npy") for member in members]
    if not _NEEDED <= set(names) <= _NEEDED | _FURTHER or len(set(names)) < len(names):
        raise Unreadable("it holds other arrays than predictions do")
    return {name: _array(archive, member, name) for name, member in zip(names, members, strict=True)}


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> NDArray[Any]:
    if member.compress_type != zipfile.ZIP_STORED or member.file_size > (_ABOUT_SIZE if name == _WHAT else LARGEST):
        raise Unreadable(f"{name} is compressed, or too large")
    content = io.BytesIO(archive.read(member))  # held against its checksum
    if npy.read_magic(content) != (1, 0):
        raise Unreadable(f"{name} is of another version of NumPy's format")
    shape, by_columns, kind = npy.read_array_header_1_0(content)
    if by_columns or kind.hasobject or kind.kind != ("f" if name in _FURTHER else "u"):
        raise Unreadable(f"{name} is an array of {kind}")
    return np.frombuffer(content.read(), kind).reshape(shape)


def _as_classes(name: str, places: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Raises: ValueError: they are no places among the names of the classes."""
    found = np.asarray(places)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise ValueError(f"{name} is of shape {found.shape} and {found.dtype}, not (N,) of whole numbers")
    if found.size and not 0 <= found.min() <= found.max() < classes:
        raise ValueError(f"{name} holds numbers of no class: there are {classes}")
    return found.astype(np.int64)


def _are_shares(values: NDArray[Any]) -> bool:
    return bool(np.all(((values >= 0) & (values <= _ONE)) | np.isnan(values)))
