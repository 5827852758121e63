"""Splits of the data sets as they are published."""

from __future__ import annotations

from groundup.data.module import ImageData
from groundup.data.sources import Images


def read(spec, root, split, labels="fine", limit=None) -> Images | None:
    return ImageData(spec, root, labels=labels, limit_train=limit, limit_test=limit).read(split)[split]
