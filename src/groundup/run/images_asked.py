"""Which files `images=` stands for. Imports no torch."""

from __future__ import annotations

import glob
import os
import sys
from pathlib import Path

from groundup.data.folder import EXTENSIONS, image_files_below
from groundup.errors import UserError

LISTED = "-"


def find_images(images: Path) -> list[Path]:
    """The image files that `images` stands for.

    A file of any name; a folder, of which all images below it, hidden ones passed over, sorted; a pattern such as
    `photos/**/*.jpg`; or `-`, a list on standard input, a name a line, or ended by zero bytes where it has some.

    Raises:
        UserError: there are none.
    """
    if str(images) == LISTED:
        return _listed()
    if os.path.lexists(images):
        return _below(images)
    if not glob.has_magic(str(images)):
        raise UserError(f"images={images}: no such file or folder")
    found = [Path(name) for name in sorted(glob.glob(str(images), recursive=True))]
    files = [file for each in found for file in (_images_of(each) if each.is_dir() else [each])]
    if not files:
        raise UserError(f"images={images}: no file matches")
    return list(dict.fromkeys(files))  # of `**` a folder and what is in it


def _below(images: Path) -> list[Path]:
    if not images.is_dir():
        return [images]
    files = _images_of(images)
    if not files:
        raise UserError(f"images={images}: no images below it; accepted: {', '.join(EXTENSIONS)}")
    return files


def _images_of(folder: Path) -> list[Path]:
    return [Path(file) for file in image_files_below(folder)]


def _listed() -> list[Path]:
    content = sys.stdin.buffer.read()
    names = content.split(b"\0" if b"\0" in content else b"\n")
    files = [Path(os.fsdecode(name.removesuffix(b"\r"))) for name in names if name.strip()]
    if not files:
        raise UserError("images=-: standard input names no file; accepted: a name a line")
    return [file for each in files for file in (_images_of(each) if each.is_dir() else [each])]
