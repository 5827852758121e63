"""What training pixels were like, where that is known: other images are held against it. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from groundup.data.published import published_set
from groundup.data.whose import OURS
from groundup.spec import DatasetSpec, Usual


def usual_pixels(data: Mapping[str, Any], spec: DatasetSpec) -> Usual:
    """Mean and deviation of training pixels in 0..1, over all channels; None where they were not measured.

    What images are normalised by does not tell: it may be that of the weights that a network began with, or a guess.

    Args:
        data: the data node of the run.
        spec: of the images that the network was trained on.
    """
    published = published_set(data.get("name")) if data.get("_target_", OURS) == OURS else None
    if published is not None:
        return _over_channels(published.spec.mean, published.spec.std)
    if data.get("mean") == data.get("std") == "auto":
        return _over_channels(spec.mean, spec.std)
    return None


def _over_channels(mean: Sequence[float], std: Sequence[float]) -> tuple[float, float]:
    return fmean(mean), fmean(std)
