"""The pretrained weights that a backbone begins with: all of them, but for a head of other classes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from groundup.errors import UserError
from groundup.learning.begin_from import named_as, read_weights
from groundup.models.backbone import Backbone, adapted, options_of_input
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)

SHOWN = 4  # names in a message
MAY_BE_MISSING = "num_batches_tracked"  # that old files do not have, and nothing is reckoned by


@dataclass
class Fitted:
    """How weights fit a backbone.

    Attributes:
        taken: those that do, by their name in its network.
        dropped: of them those of heads for other classes.
        first_layer: from how many channels the first layer was adapted; None where it fits.
        wrong: what does not fit, in words.
    """

    taken: dict[str, Tensor] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    first_layer: int | None = None
    wrong: list[str] = field(default_factory=list)


def begin_pretrained(backbone: Backbone, spec: DatasetSpec) -> None:
    """Puts the weights that a backbone names into it, and says so.

    Raises:
        UserError: they cannot be had, or they are not its own: none is taken then.
    """
    chosen = backbone.weights
    if chosen is None:
        return
    path = Path(chosen)
    published = chosen == "default"
    fitted = fit(backbone, backbone.published_weights()) if published else fit_file(backbone, read_file(path))
    if fitted.wrong:
        more = f" and {len(fitted.wrong) - SHOWN} more" if len(fitted.wrong) > SHOWN else ""
        side = backbone.input_of(backbone.arch).size
        is_size = spec.height != side and any("has shape" in each for each in fitted.wrong)
        other = "" if not is_size else f"; or the network is one for images of {side}x{side} pixels alone"
        raise UserError(
            f"model.weights={chosen}: these are not the weights of model.arch={backbone.arch} of {backbone.library}: "
            f"{'; '.join(fitted.wrong[:SHOWN])}{more}{other}"
        )
    backbone.network.load_state_dict(fitted.taken, strict=False)
    for line in _told(backbone, fitted, spec):
        log.info(line)


def read_file(path: Path) -> dict[str, Tensor]:
    """The weights in a file, by what names they have there.

    Raises:
        UserError: it cannot be read safely, or holds no weights.
    """
    if path.suffix != ".safetensors":
        try:
            return read_weights(path)[0]
        except UserError as error:
            raise UserError(f"model.weights={path}: {str(error).removeprefix(f'checkpoint {path}: ')}") from error
    if not path.is_file():
        raise UserError(f"model.weights={path}: no such file")
    from safetensors.torch import load_file  # of an extra

    try:
        return load_file(path)
    except Exception as error:  # of any kind: it parses what anybody may have written
        raise UserError(f"model.weights={path}: cannot be read: {' '.join(str(error).split())}") from error


def fit_file(backbone: Backbone, weights: Mapping[str, Tensor]) -> Fitted:
    """How the weights of a file fit: as they are, or as the library reads files of theirs that are older or larger."""
    given = named_as(backbone.network.state_dict(), weights)
    fitted = fit(backbone, given)
    if not fitted.wrong:
        return fitted
    try:
        converted = fit(backbone, backbone.converted(given))
    except Exception:  # of any kind: they are not what the library's function takes them for
        return fitted
    return fitted if converted.wrong else converted


def fit(backbone: Backbone, given: Mapping[str, Tensor]) -> Fitted:
    """How weights fit by name and shape; heads may be absent or of other classes, and the first layer of colours."""
    own = backbone.network.state_dict()
    fitted, first = Fitted(), f"{backbone.first_layer}.weight"
    heads = [name for name in own if backbone.is_of_head(name)]
    new = any(name not in given or _other_classes(own[name], given[name]) for name in heads)
    fitted.dropped = heads if new else []
    for name, weight in own.items():
        if name in fitted.dropped or (name not in given and name.endswith(MAY_BE_MISSING)):
            continue
        there = given.get(name)
        if there is not None and name == first and _other_channels(weight, there):
            fitted.first_layer, there = there.shape[1], adapted(there, weight.shape[1])
        if there is None:
            fitted.wrong.append(f"{name} is not in them")
        elif there.shape != weight.shape:
            fitted.wrong.append(f"{name} has shape {_shape(there)} there and {_shape(weight)} here")
        elif weight.is_floating_point() and not (there.is_floating_point() and there.isfinite().all()):
            what = "NaN or infinite" if there.is_floating_point() else f"{there.dtype} there".removeprefix("torch.")
            fitted.wrong.append(f"{name} is {what}")
        else:
            fitted.taken[name] = there
    fitted.wrong += [f"{name} is in them and not in the network" for name in given if name not in own]
    return fitted


def _other_classes(own: Tensor, there: Tensor) -> bool:
    return own.shape[1:] == there.shape[1:] and own.shape != there.shape


def _other_channels(own: Tensor, there: Tensor) -> bool:
    return own.dim() == there.dim() == 4 and own.shape[1] != there.shape[1] and own.shape[2:] == there.shape[2:]


def _shape(tensor: Tensor) -> str:
    return f"({', '.join(map(str, tensor.shape))})"


def _told(backbone: Backbone, fitted: Fitted, spec: DatasetSpec) -> list[str]:
    said = f"{len(fitted.taken)} weights and statistics of {backbone.arch} of {backbone.library}"
    lines = [f"model.weights={backbone.weights}: {said}"]
    if fitted.dropped:
        lines.append(f"  new, for {spec.num_classes} classes: {', '.join(fitted.dropped)}")
    else:
        said = f"is of {spec.num_classes} classes, too, and is kept: are they the same, in this order?"
        lines.append(f"  its last layer {said}")
    if fitted.first_layer is not None:
        how = "summed over" if spec.channels == 1 else "repeated from"
        lines.append(f"  its first layer, for images of {spec.channels} channels, is {how} {fitted.first_layer}")
    lines.append(f"  images: {_seen(spec.height, spec.mean, spec.std)}")
    wanted = options_of_input(backbone.input_of(backbone.arch), spec.channels)
    known = _seen(wanted["image_size"], wanted.get("mean", ()), wanted.get("std", ()))
    if known not in lines[-1]:  # the config says so, or the data are somebody else's
        lines.append(f"  its published weights were trained on others: {known}")
    return lines


def _seen(side: int, mean: Sequence[float], std: Sequence[float]) -> str:
    return f"{side}x{side} pixels, mean {_plain(mean)}, std {_plain(std)}"


def _plain(numbers: Sequence[float]) -> str:
    return f"({', '.join(f'{number:.4g}' for number in numbers)})" if numbers else "not known"
