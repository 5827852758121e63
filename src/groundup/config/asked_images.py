"""Which images `predict` is asked about: those of a path, or those of a run's own data. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundup.errors import UserError


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
    if key := next((key for key in ("root", "mirror") if data.get(key) is not None), None):
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
