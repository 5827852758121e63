"""A backbone with its images: what its weights were trained on decides what is not said. Imports its library alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from groundup.config.normal_form import make_absolute
from groundup.config.rooms import options_of
from groundup.config.suggest import nearest
from groundup.data.specs import channels_of
from groundup.data.whose import has_our_keys
from groundup.errors import UserError
from groundup.models.options import Backbone

PUBLISHED = "default"
ENDINGS = (".pth", ".pt", ".safetensors", ".ckpt", ".bin")


def settle_backbone(config: dict[str, Any]) -> None:
    """Has `data` say how images are shown to pretrained weights, where the config leaves it open.

    Args:
        config: of a run, its values right one by one; changed.

    Raises:
        UserError: there is no such architecture or file, or keys contradict each other.
    """
    model = config["model"]
    options = options_of("model", model)
    if options is not None and issubclass(options, Backbone):
        if model["weights"] != PUBLISHED:
            make_absolute(model, "weights")
        network = _network_of(model)
        _refuse_unknown(model, network.names(), network.left_out)
        _refuse_contradictions(config)
        if model["weights"] is not None and has_our_keys(config["data"]):
            _show_as_trained(config["data"], network.input_of(model["arch"]))


def _network_of(model: Mapping[str, Any]) -> Any:
    """The class, whose library takes seconds to import; asked for by its own options alone."""
    if model["name"] == "timm":
        from groundup.models.timm_network import TimmNetwork

        return TimmNetwork
    from groundup.models.torchvision_network import TorchvisionNetwork

    return TorchvisionNetwork


def _refuse_unknown(model: Mapping[str, Any], names: list[str], left_out: Collection[str]) -> None:
    arch = model["arch"]
    if arch in names:
        return
    if arch in left_out:
        raise UserError(
            f"model.arch={arch}: {model['name']} has it, and it cannot be used: it answers with more than logits, or "
            "is read back otherwise than it was; accepted: another one, or model=timm, which has such a network"
        )
    meant = nearest(arch, names)
    hint = f"; did you mean {meant}?" if meant else "."
    raise UserError(
        f"model.arch={arch}: {model['name']} has no such network{hint} Accepted: any of its {len(names):,} names, such "
        "as resnet18, resnet50 or convnext_tiny"
    )


def _refuse_contradictions(config: Mapping[str, Any]) -> None:
    model = config["model"]
    weights, freeze = model["weights"], model["freeze"]
    if config["resume"] is not None:  # it has begun, maybe long ago
        return
    if weights is None and freeze != "none" and config.get("init_from") is None:
        raise UserError(
            f"model.freeze={freeze} with model.weights=null: what is frozen would stay as it was drawn; accepted: "
            "model.freeze=none, or weights: model.weights=default, a path, or init_from"
        )
    if weights is not None and config.get("init_from") is not None:
        raise UserError(
            f"model.weights={weights} with init_from={config['init_from']}: both say what training begins with; "
            "accepted: one of them"
        )
    if weights in (None, PUBLISHED):
        return
    path = Path(weights)
    if not path.is_file():
        raise UserError(f"model.weights={weights}: no such file; accepted: default, null, or a file of weights")
    if path.suffix not in ENDINGS:
        raise UserError(f"model.weights={weights}: accepted: default, null, or a file {', '.join(ENDINGS)}")


def _show_as_trained(data: dict[str, Any], wanted: Any) -> None:
    from groundup.models.backbone import options_of_input

    for key, value in options_of_input(wanted, channels_of(data)).items():
        if data.get(key) is None:
            data[key] = value
