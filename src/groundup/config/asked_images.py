"""Which images `predict` is asked about, those of a path or of a run's own data, and where it writes to. No torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from groundup.data.folder import EXTENSIONS
from groundup.errors import UserError

OF_THE_RUN = ("root", "file", "test_file", "table", "mirror")  # keys of the run's data that may be others
COLUMNS = ("image", "number")  # of which a table of predictions begins with one


def refuse_wrong_images(config: Mapping[str, Any]) -> None:
    """Refuses what does not go with images of a path, or with those of a run, which are shown as they were before.

    Raises:
        UserError: neither is asked about, or both, or what is said of one goes with the other.
    """
    if config["split"] is not None:
        _refuse_with_split(config, f"with split={config['split']}")
        return
    images, data = config["images"], config["data"]
    if images is None:
        raise UserError("images=null: must be given: images=PATH; or split=test, for images of the run's own data")
    if key := next((key for key in OF_THE_RUN if data.get(key) is not None), None):
        raise UserError(f"data.{key}={data[key]} with images={images}: it goes with split=test, val or train alone")


def _refuse_with_split(config: Mapping[str, Any], with_split: str) -> None:
    invert = str(config["data"]["invert"]).lower()
    if config["images"] is not None:
        raise UserError(f"images={config['images']} {with_split}: accepted: one of them")
    if config["network"] is not None:
        raise UserError(f"model={config['network']} {with_split}: the file knows of no data; accepted: run=DIR")
    if config["prepare"] is not None:
        raise UserError(f"prepare={config['prepare']} {with_split}: the run's images stay as they are; accepted: null")
    if invert != "auto":
        raise UserError(f"data.invert={invert} {with_split}: the run's images stay as they are; accepted: auto")


def refuse_wrong_out(config: Mapping[str, Any]) -> None:
    """Refuses to write the table over a file that is no such table.

    Raises:
        UserError: the file is there, or is named as an image.
    """
    out = config["out"]
    if out is None:
        return
    if out == config["images"] or out.lower().endswith(EXTENSIONS):
        raise UserError(f"out={out}: this is an image, and the table would overwrite it; accepted: a CSV file")
    if os.path.isfile(out) and not _may_be_overwritten(out):
        raise UserError(f"out={out}: is there, and is no table of predictions; accepted: a new file, or such a table")


def _may_be_overwritten(file: str) -> bool:
    try:
        with open(file, "rb") as opened:
            start = opened.read(16)
    except OSError:  # which is said when it is opened to be written
        return True
    return not start or start.startswith(tuple(f"{column},".encode() for column in COLUMNS))
