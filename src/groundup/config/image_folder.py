"""What holds of photos where neither the config nor pretrained weights say. No torch."""

from __future__ import annotations

from typing import Any

from groundup.data.folder_spec import IMAGE_FOLDER
from groundup.data.whose import has_our_keys

DEFAULTS = {"image_size": 32, "mean": "auto", "std": "auto"}  # nobody has published the mean of anybody's photos


def settle_folder(data: dict[str, Any]) -> None:
    """Has `data` say how an image folder is read, where it leaves that open.

    Args:
        data: the data node of a run, after pretrained weights have had their say; changed.
    """
    if data.get("name") != IMAGE_FOLDER or not has_our_keys(data):
        return
    for key, value in DEFAULTS.items():
        if data.get(key) is None:
            data[key] = value
