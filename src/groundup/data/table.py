"""The user's own images as a table says: a CSV with columns of file names, labels and, at will, splits. No torch."""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groundup.data.folder import EXTENSIONS, Folder, Split
from groundup.data.layout import SPLITS, entries_of, is_folder
from groundup.errors import UserError
from groundup.printable import printable
from groundup.spec import class_name

log = logging.getLogger(__name__)

_LARGEST = 1 << 28  # bytes of a table
_SHOWN = 10
USUAL_LABELS = ("label", "labels", "class", "class_name", "category", "target", "species", "breed")
NO_LABELS = ("NaN", "nan")  # of pandas and NumPy
USUAL_SPLITS = ("split", "subset", "set")
_USUAL = {
    "file_column": (
        "file",
        "filename",
        "file_name",
        "image",
        "image_id",
        "image_name",
        "img",
        "path",
        "filepath",
        "id",
    ),
    "label_column": USUAL_LABELS,
    "split_column": USUAL_SPLITS,
}  # by key, how columns are usually called, in any case


def read_table(data: Mapping[str, Any]) -> Folder:
    """The images that `data.table` names below `data.root`, by class and split.

    Names of files may lack their ending. Classes are sorted by name, or by number where all are numbers. Without a
    column of splits all images are in `train`, as those of class folders alone.

    Raises:
        UserError: the table cannot be read, its columns are not told, or a row is wrong; or files are not there, all of
            which are named, unless `data.on_error` is `skip`.
    """
    table, root = Path(data["table"]).expanduser(), Path(data["root"]).expanduser()
    header, rows = _rows(table)
    columns = {key: _column(key, data.get(key), header, table) for key in _USUAL}
    found: dict[str, tuple[str, str]] = {}
    missing: list[str] = []
    for number, row in rows:
        name, label, split = _values(row, columns, f"{table}, line {number}")
        path = _find(root, name, f"{table}, line {number}")
        if path is None:
            missing.append(name)
        elif found.setdefault(path, (label, split)) != (label, split):
            raise UserError(f"{table}, line {number}: {printable(name)} is there twice, with other labels or splits")
    if missing and (data.get("on_error") != "skip" or not found):
        within = next((each for each in _folders_in(root) if _find(each, missing[0], "") is not None), None)
        raise UserError(
            f"data.table={table}: {len(missing):,} of its files are not below data.root={root}: {_listed(missing)}; "
            f"accepted: {f'data.root={within}, where the first of them is' if within else 'all of them'}, or "
            "data.on_error=skip"
        )
    if missing:
        log.warning("data.on_error=skip: %d files of %s are not there: %s", len(missing), table, _listed(missing))
    return _folder(found, root, table, has_splits=columns["split_column"] is not None)


def _folder(found: Mapping[str, tuple[str, str]], root: Path, table: Path, has_splits: bool) -> Folder:
    names = sorted({label for label, split in found.values() if split == "train"})
    if all(name.isdecimal() for name in names):
        names.sort(key=int)
    if len(names) < 2:
        raise UserError(f"data.table={table}: it has {len(names)} classes to train on; at least 2 are needed")
    splits = {split: Split({name: [] for name in names}) for split in ("train", "val", "test")}
    for path, (label, split) in sorted(found.items()):
        if label not in splits[split].images:
            raise UserError(f"data.table={table}: {split} has a class that train lacks: {printable(label)}")
        splits[split].images[label].append(path)
    train, val, test = (split if split.count else Split() for split in splits.values())
    return Folder(tuple(names), train, val, test, is_flat=not has_splits, root=str(root))


def _rows(table: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    try:
        if table.stat().st_size > _LARGEST:
            raise UserError(f"data.table={table}: larger than {_LARGEST:,} bytes")
        with table.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            delimiter = max(",;\t", key=first.count)
            reader = csv.DictReader(file, delimiter=delimiter)
            rows = [(reader.line_num, row) for row in reader]
            header = [name for name in reader.fieldnames or [] if name]
    except UnicodeDecodeError as error:
        raise UserError(f"data.table={table}: is not UTF-8; accepted: a CSV that is saved as UTF-8") from error
    except (OSError, csv.Error) as error:
        raise UserError(f"data.table={table}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if not rows or len(set(header)) < len(header):
        raise UserError(f"data.table={table}: accepted: a CSV with a header, each name once, and a row for each image")
    return header, rows


def _column(key: str, said: str | None, header: Sequence[str], table: Path) -> str | None:
    """Which column it is; None where there is none of splits."""
    if said is not None and said in header:
        return said
    usual = [name for name in header if name.strip().casefold() in _USUAL[key]] if said is None else []
    if len(usual) == 1:
        return usual[0]
    if key == "split_column" and said is None and not usual:
        return None
    given = f"data.{key}={said}" if said is not None else f"data.{key}=null"
    raise UserError(f"{given} with data.table={table}: accepted: one of {', '.join(map(printable, header))}")


def _values(row: Mapping[str, str | None], columns: Mapping[str, str | None], where: str) -> tuple[str, str, str]:
    name, label, split = (None if key is None else (row.get(key) or "").strip() for key in columns.values())
    if not name or not label:
        raise UserError(f"{where}: no {'label' if name else 'file name'}")
    if label in NO_LABELS:
        raise UserError(f"{where}: label {label}, as programs write one that is missing; accepted: the name of a class")
    known = "train" if split is None else SPLITS.get(split.casefold())
    if known is None:
        raise UserError(f"{where}: split {printable(split) if split else 'left empty'}; accepted: {', '.join(SPLITS)}")
    return name, class_name(label), known


def _find(root: Path, name: str, where: str) -> str | None:
    """The path of a file; its name may lack its ending."""
    path = os.path.normpath(os.path.join(os.path.abspath(root), name))
    if os.path.commonpath([path, os.path.abspath(root)]) != os.path.abspath(root) or "\0" in name:
        raise UserError(f"{where}: {printable(name)} lies outside data.root={root}")
    if os.path.isfile(path):
        return path
    return next((path + end for end in EXTENSIONS if os.path.isfile(path + end)), None)


def _folders_in(root: Path) -> list[Path]:
    return sorted(Path(entry.path) for entry in entries_of(root) if is_folder(entry)) if root.is_dir() else []


def _listed(missing: Sequence[str]) -> str:
    more = f" and {len(missing) - _SHOWN:,} more" if len(missing) > _SHOWN else ""
    return ", ".join(map(printable, missing[:_SHOWN])) + more
