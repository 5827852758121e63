"""Images that people keep as arrays: Keras' `mnist.npz`, Kaggle's CSV of digits, IDX files of one's own."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from groundup.data.array_files import Stored, open_arrays
from groundup.data.array_labels import classes_in, places_of, texts_of
from groundup.data.array_pixels import (
    as_bytes,
    channels_first,
    layout_of,
    refuse_another_scale,
    refuse_nearly_black,
    size_of,
    white_of,
)
from groundup.data.classes import listed
from groundup.data.folder_spec import TEST_FRACTION, per_channel, refuse_wrong_statistics
from groundup.data.folder_words import tell_counts, warn_of_counts
from groundup.data.module import ImageData
from groundup.errors import UserError
from groundup.spec import DatasetSpec, class_name

log = logging.getLogger(__name__)

MEAN, STD = 0.5, 0.25  # until those of the training images are known


@dataclass(frozen=True)
class Arrays:
    """The splits of some files, their labels read, their images not.

    Attributes:
        class_names: those of the training images.
        labels_said: what they are labelled with in the file, in the same order.
        size: channels, height and width.
        layout: of the axes of the images.
        stored: by split.
        labels: by split, the places of classes, `(N,)`.
        rows: by split, which images of what is stored; None for all of them.
    """

    class_names: tuple[str, ...]
    labels_said: tuple[str, ...]
    size: tuple[int, int, int]
    layout: str
    stored: dict[str, Stored]
    labels: dict[str, NDArray[np.int64]]
    rows: dict[str, NDArray[np.int64] | None]


class ArrayData(ImageData):
    """A data set in the files that `data.file` names, see `conf/data/arrays.yaml`.

    Args:
        spec: of it.
        root: not used.
        file: the training images, and the test images where they are in it.
        test_file: the test images, where they have a file of their own.
        label_column: of a CSV.
        layout: `NHWC` or `NCHW`; None takes what the shape tells.
        white: the value of a white pixel; None takes what the values tell.
        transpose: whether rows and columns are exchanged in the files; None: they are not.
        class_names: of the labels in their order; None takes the labels themselves.
        test_fraction: the share of each class that is tested on, where no images are for it.
        test_seed: chooses these.
        options: those of every data set.
    """

    def __init__(
        self,
        spec: DatasetSpec,
        root: str | os.PathLike[str],
        *,
        file: str,
        test_file: str | None = None,
        label_column: str | int | None = None,
        layout: str | None = None,
        white: float | None = None,
        transpose: bool | None = None,
        class_names: Sequence[str] | None = None,
        test_fraction: float | None = None,
        test_seed: int = 0,
        mean: Sequence[float] | Literal["auto"] | None = None,
        std: Sequence[float] | Literal["auto"] | None = None,
        **options: Any,
    ):
        super().__init__(
            spec, root, mean="auto" if mean is None else mean, std="auto" if std is None else std, **options
        )
        self.takes_all_to_test = test_fraction == 1
        self._data: dict[str, Any] = {
            **{"file": file, "test_file": test_file, "label_column": label_column, "layout": layout, "white": white},
            **{"transpose": transpose, "class_names": class_names},
            **{"test_fraction": test_fraction, "test_seed": test_seed},
        }

    @classmethod
    def describe(cls, data: Mapping[str, Any]) -> DatasetSpec:
        arrays = open_data(data)
        channels, height, width = arrays.size
        mean = per_channel("mean", data.get("mean"), channels, (MEAN,) * channels)
        std = per_channel("std", data.get("std"), channels, (STD,) * channels)
        refuse_wrong_statistics(mean, std)
        return DatasetSpec(
            name=data["name"],
            channels=channels,
            height=height,
            width=width,
            class_names=arrays.class_names,
            mean=mean,
            std=std,
            train_size=len(arrays.labels["train"]),
            test_size=len(arrays.labels.get("test", ())),
        )

    def load_split(self, split: str) -> tuple[Any, Any] | None:
        arrays = open_data(self._data)
        if split not in arrays.stored:
            return None
        if not len(arrays.labels[split]) and split == "train":
            raise UserError(f"data.test_fraction={self._data['test_fraction']}: leaves nothing to train on")
        stored, rows = arrays.stored[split], arrays.rows[split]
        values = stored.load()
        white = self._white(values, stored, arrays.stored["train"])
        values = values if rows is None else values[rows]
        images = channels_first(values, arrays.layout, bool(self._data["transpose"]))
        return as_bytes(images, white), arrays.labels[split]

    def setup(self, stage: str) -> None:
        is_new = "train" not in self.splits
        super().setup(stage)
        if is_new and stage != "test":
            tell_counts(self.spec, self.splits)
            warn_of_counts(self.spec, self.splits)

    def state_dict(self) -> dict[str, Any]:
        contents = {"content": self._content("train", "val"), "test_content": self._content("test")}
        return super().state_dict() | contents | {"cut": self._cut, "labels": list(open_data(self._data).labels_said)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        now = {"content": self._content("train", "val"), "cut": self._cut}
        if any(state.get(key, value) != value for key, value in now.items()):
            raise UserError(
                f"data.file={self._data['file']} with resume: it holds something else than when the run was begun, and "
                "images that were trained on might be validated on; put the file back as it was, or begin a new run "
                "without resume"
            )
        super().load_state_dict(state)

    def warn_of_other_contents(self, before: Mapping[str, Any]) -> None:
        """Says that the test images lie in a file that has changed since the run began.

        Args:
            before: the `state_dict` of the data that the run was trained on.
        """
        now = self._content("test")
        if before.get("test_content", now) != now:
            log.warning(
                f"data.file={self._data['file']}: the test images lie in another file than those of the run, or in one "
                "that has changed since"
            )

    def refuse_other_labels(self, before: Mapping[str, Any]) -> None:
        """Refuses labels that `data.class_names` would name by their order, where the run's were others.

        Args:
            before: the `state_dict` of the data that the run was trained on.

        Raises:
            UserError: so they would be.
        """
        now = list(open_data(self._data).labels_said)
        if self._data["class_names"] is not None and before.get("labels", now) != now:
            raise UserError(
                f"data.file={self._data['file']}: labels {listed(now)}, those of the run are "
                f"{listed(before['labels'])}, and data.class_names of the run names these; accepted: the same labels"
            )

    def refuse_another_cut(self, before: Mapping[str, Any]) -> None:
        """Refuses test images that would be cut from images of which the run may have trained on any.

        Args:
            before: the `state_dict` of the data that the run was trained on.

        Raises:
            UserError: so they would be.
        """
        stored = open_data(self._data).stored
        now, is_cut = self._content("train", "val"), stored.get("test") is stored["train"]
        is_same = before.get("content", now) == now
        if not is_cut or (is_same and before.get("cut", self._cut) == self._cut):
            return
        where = f"data.file={self._data['file']}"
        if is_same:
            raise UserError(f"{where} with data.test_fraction={self._data['test_fraction']}: the run was trained on it")
        if not self.takes_all_to_test:
            raise UserError(
                f"{where}: another file than that of the run, and without test images, so a part of it would be "
                "tested; accepted: data.test_fraction=1, which tests all, or data.test_file for a file of test images"
            )

    @property
    def _cut(self) -> list[float | int | None]:
        """How the images to test on are cut from the others, where there are none."""
        return [self._data["test_fraction"], self._data["test_seed"]]

    def _content(self, *splits: str) -> str:
        """SHA-256 of the files that the images of some splits lie in."""
        stored = open_data(self._data).stored
        files = dict.fromkeys(file for split in splits if split in stored for file in stored[split].files)
        return _digest(tuple((file, _version(str(file))) for file in files))

    def _white(self, values: NDArray[Any], stored: Stored, train: Stored) -> float:
        """What white is in the training images, which the others must keep to."""
        said = self._data["white"]
        if stored is train and said is not None:
            refuse_nearly_black(values, said, stored.where)
        if stored is train or said is not None:
            return white_of(values, said, stored.where)
        known = white_of(train.load(), None, train.where)
        refuse_another_scale(values, known, stored.where)
        return white_of(values, known, stored.where)


def open_data(data: Mapping[str, Any]) -> Arrays:
    """The arrays that a data config names; of unchanged files looked at once in a process.

    Raises:
        UserError: there are none, or they leave open what is meant.
    """
    files = [data.get("file"), data.get("test_file")]
    if not files[0]:
        raise UserError("data.file=null: must be given: data.file=FILE.npz")
    names = data.get("class_names")
    return _look(
        *(tuple(str(file) if file else None for file in files), tuple(map(_version, files))),
        label_column=data.get("label_column"),
        layout=data.get("layout"),
        transpose=data.get("transpose"),
        class_names=None if names is None else tuple(names),
        test_fraction=data.get("test_fraction"),
        test_seed=data.get("test_seed", 0),
    )


def _version(file: str | None) -> tuple[int, ...] | None:
    """Changes where a file, or a folder, does."""
    try:
        there = os.stat(os.path.expanduser(file)) if file else None
    except OSError:
        there = None
    return None if there is None else (there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _digest(versions: tuple[tuple[Path, Any], ...]) -> str:
    """Of the contents of files; of unchanged ones made once in a process."""
    digest = hashlib.sha256()
    for file, _ in versions:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


@functools.lru_cache(maxsize=2)
def _look(
    files: tuple[str | None, str | None],
    versions: Any,
    label_column: str | int | None,
    layout: str | None,
    transpose: bool | None,
    class_names: tuple[str, ...] | None,
    test_fraction: float | None,
    test_seed: int,
) -> Arrays:
    file, test_file = (Path(name).expanduser() if name else None for name in files)
    assert file is not None, "looked at where it is given"
    stored = open_arrays(file, test_file, label_column)
    for path in (file, test_file):
        _refuse_emnist(path, transpose)
    train = stored["train"]
    how = layout_of(train.shape, layout, train.where)
    size = size_of(train.shape, how, bool(transpose))
    for each in stored.values():
        _refuse_unlike(each, train)
    texts = {split: texts_of(each.labels, each.where) for split, each in stored.items()}
    names = classes_in(texts["train"], train.where)
    labels = {split: places_of(texts[split], names, stored[split].where) for split in stored}
    rows: dict[str, NDArray[np.int64] | None] = dict.fromkeys(stored)
    share = _share(test_fraction, "test" in stored, file)
    if share:
        rows["train"], rows["test"] = cut_test(labels["train"], share, test_seed)
        stored["test"] = train
        labels = labels | {split: labels["train"][rows[split]] for split in ("train", "test")}
    return Arrays(_named(names, class_names, train.where), names, size, how, stored, labels, rows)


def _refuse_emnist(file: Path | None, transpose: bool | None) -> None:
    """Its published files, and most copies, hold images with rows and columns exchanged, which no figure shows."""
    names = () if file is None else (file.name.casefold(), file.parent.name.casefold())
    if transpose is None and any("emnist" in name and "femnist" not in name for name in names):
        raise UserError(
            f"data.file={file}: the published files of EMNIST have rows and columns of each image exchanged; accepted: "
            "data.transpose=true, which puts them upright, or data.transpose=false, where yours are"
        )


def _refuse_unlike(each: Stored, train: Stored) -> None:
    if len(each.labels) != each.shape[0]:
        raise UserError(
            f"{each.where}: {each.shape[0]:,} images, and {len(each.labels):,} labels; accepted: one for each"
        )
    if each.shape[1:] != train.shape[1:] or each.dtype != train.dtype:
        raise UserError(
            f"{each.where}: images of {each.dtype} of shape {each.shape}, those of {train.where} are of {train.dtype} "
            f"of shape {train.shape}; accepted: images of one kind"
        )


def _share(said: float | None, has_test: bool, file: Path) -> float:
    if has_test and said:
        raise UserError(f"data.test_fraction={said} with data.file={file}: it has images to test on; accepted: null")
    return 0 if has_test else TEST_FRACTION if said is None else said


def cut_test(labels: NDArray[np.int64], fraction: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places of images to train on and of those to test on: of every class the same share, rounded.

    Of a class with two or more images one at least is tested on, and one stays.

    Args:
        labels: `(N,)`.
        fraction: 0 to 1.
        seed: chooses which.
    """
    is_test = np.zeros(len(labels), bool)
    random = np.random.default_rng(seed)
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))
        wanted = len(places) if fraction == 1 else min(max(1, round(len(places) * fraction)), len(places) - 1)
        is_test[places[:wanted]] = True
    if fraction != 1 and not is_test.any():
        return np.arange(len(labels)), np.arange(0)
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def _named(names: tuple[str, ...], said: Sequence[str] | None, where: str) -> tuple[str, ...]:
    if said is None:
        return names
    if len(said) != len(names):
        raise UserError(
            f"{where} with {len(said)} data.class_names: its labels are {names[0]} to {names[-1]}, {len(names)} "
            "different ones; accepted: a name for each, in their order"
        )
    if twice := [name for name, count in Counter(map(class_name, said)).items() if count > 1]:
        raise UserError(f"data.class_names=[{', '.join(said)}]: {twice[0]} names two classes; accepted: each name once")
    return tuple(said)
