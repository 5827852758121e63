"""The networks of timm (Wightman 2019, "PyTorch image models")."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import timm
from huggingface_hub import constants, try_to_load_from_cache
from timm.models import get_pretrained_cfg, group_parameters
from torch import Tensor, nn

from groundup.errors import UserError
from groundup.models.backbone import MIN_SIZE, Backbone, Freeze, Input, stages_of
from groundup.models.image_size import require_image_size


class TimmNetwork(Backbone):
    """A network of timm, by its name there.

    Args:
        in_channels, image_size, num_classes: of the data.
        arch: `resnet18`, or with the tag of published weights `resnet18.a1_in1k`.
        weights, freeze, backbone_rate: see `Backbone`. Stages are those of timm, the stem being the first.

    Raises:
        UserError: it has not so many stages, or the images are smaller than 32x32.
    """

    library = "timm"

    def __init__(
        self,
        in_channels: int,
        image_size: tuple[int, int],
        num_classes: int,
        arch: str,
        weights: str | None = None,
        freeze: Freeze = "none",
        backbone_rate: float | None = None,
    ):
        require_image_size("timm", image_size, minimum=MIN_SIZE)
        network = _create(arch, image_size, num_classes=num_classes, in_chans=in_channels)
        heads = _heads(network)
        super().__init__(network, heads, _stages(network, heads), arch, weights, freeze, backbone_rate)
        self._image_size = image_size

    def published_weights(self) -> Mapping[str, Tensor]:
        config = get_pretrained_cfg(self.arch)
        if config is None or not config.has_weights:
            raise UserError(f"model.weights=default: timm has no weights of {self.arch}; accepted: null, or a path")
        for library in ("huggingface_hub", "timm"):
            logging.getLogger(library).setLevel(logging.ERROR)  # they tell of each try; what came of it is said here
        try:
            if config.hf_hub_id:
                _try_to_reach(config.hf_hub_id)
            return _create(self.arch, self._image_size, pretrained=True).state_dict()
        except (OSError, RuntimeError) as error:
            where = f"{constants.ENDPOINT}/{config.hf_hub_id}" if config.hf_hub_id else config.url
            raise self.not_fetched(f"model.safetensors of {where}", error) from error

    def converted(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        filters = vars(sys.modules[type(self.network).__module__])
        convert = filters.get("checkpoint_filter_fn")  # each file of timm's models has its own, by this name
        return weights if convert is None else convert(dict(weights), self.network)

    @classmethod
    def names(cls) -> list[str]:
        return [*timm.list_models(), *timm.list_models(pretrained=True)]

    @classmethod
    def input_of(cls, arch: str) -> Input:
        config = get_pretrained_cfg(arch)
        assert config is not None, "the name is known"
        return Input(config.input_size[-1], tuple(config.mean), tuple(config.std))


def _try_to_reach(repository: str) -> None:
    """The hub's own client tries for a minute what a name that cannot be resolved tells at once.

    Raises:
        OSError: the hub cannot be reached, and its cache has not the file.
    """
    cached = try_to_load_from_cache(repository, "model.safetensors")
    if not isinstance(cached, str) and not getproxies():  # a proxy resolves names itself
        socket.getaddrinfo(urlsplit(constants.ENDPOINT).hostname, 443)


def _create(arch: str, image_size: tuple[int, int], **options: Any) -> nn.Module:
    config = get_pretrained_cfg(arch)
    if config is not None and config.fixed_input_size and config.input_size[1:] != tuple(image_size):
        options["img_size"] = image_size
    return timm.create_model(arch, **options)


def _heads(network: nn.Module) -> list[str]:
    """By what timm says of the network; without a word of it, its last layer."""
    said = getattr(network, "pretrained_cfg", {}).get("classifier")
    names = [said] if isinstance(said, str) else list(said or ())
    modules = dict(network.named_modules())
    known = [name for name in names if isinstance(modules.get(name), nn.Linear | nn.Conv2d)]
    return known or [[name for name, layer in modules.items() if isinstance(layer, nn.Linear | nn.Conv2d)][-1]]


def _stages(network: nn.Module, heads: list[str]) -> list[list[str]]:
    if not hasattr(network, "group_matcher"):  # some have none
        return stages_of(network, heads)
    groups = group_parameters(network, network.group_matcher(coarse=True), reverse=False)  # type: ignore[operator]
    names = [[name for name in groups[key] if name.rpartition(".")[0] not in heads] for key in sorted(groups)]
    return [stage for stage in names if stage]
