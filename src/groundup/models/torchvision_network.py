"""The networks of torchvision.models that classify."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torchvision import models
from torchvision.models.vision_transformer import interpolate_embeddings

from groundup.errors import UserError
from groundup.models.backbone import MIN_SIZE, Backbone, Freeze, Input, stages_of
from groundup.models.image_size import require_image_size

# The weights of the first two want another normalisation inside, and they answer with several tensors in training;
# the others can be read from no checkpoint that holds plain containers alone. timm has them all.
LEFT_OUT = ("googlenet", "inception_v3", "mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3")
_DENSE_LAYER = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.")  # as older files name them


class TorchvisionNetwork(Backbone):
    """A network of torchvision, by its name there.

    Args:
        in_channels, image_size, num_classes: of the data.
        arch: `resnet18`.
        weights, freeze, backbone_rate: see `Backbone`. Stages are as `stages_of` tells them.

    Raises:
        UserError: it has not so many stages, or takes no images of this size; none takes smaller ones than 32x32.
    """

    library = "torchvision"
    left_out = LEFT_OUT

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
        require_image_size("torchvision", image_size, minimum=MIN_SIZE)
        network = models.get_model(arch, weights=None, num_classes=num_classes, **_sizes(arch, image_size))
        _take_channels(network, in_channels)
        heads = [[name for name, layer in network.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)][-1]]
        super().__init__(network, heads, stages_of(network, heads), arch, weights, freeze, backbone_rate)

    def published_weights(self) -> Mapping[str, Tensor]:
        weights: Any = models.get_model_weights(self.arch).DEFAULT
        try:
            return self.converted(weights.get_state_dict(progress=False, check_hash=True))
        except (OSError, RuntimeError) as error:
            raise self.not_fetched(weights.url, error) from error

    def converted(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        given = {_DENSE_LAYER.sub(r"\1\2.", name): weight for name, weight in weights.items()}
        if isinstance(self.network, models.VisionTransformer) and "encoder.pos_embedding" in given:
            size, patch = self.network.image_size, self.network.patch_size
            given = dict(interpolate_embeddings(size, patch, given))  # type: ignore[arg-type]
        return given

    @classmethod
    def names(cls) -> list[str]:
        return [name for name in models.list_models(module=models) if name not in LEFT_OUT]

    @classmethod
    def input_of(cls, arch: str) -> Input:
        weights: Any = models.get_model_weights(arch).DEFAULT
        said = weights.transforms()
        return Input(said.crop_size[0], tuple(said.mean), tuple(said.std))


def _sizes(arch: str, image_size: tuple[int, int]) -> dict[str, Any]:
    """What networks for one size alone are told of it.

    Raises:
        UserError: the patches of such a network do not fill the image.
    """
    if arch.startswith("vit_"):
        patch = int(arch.rpartition("_")[2])
        if image_size[0] != image_size[1] or image_size[0] % patch:
            raise UserError(
                f"model.arch={arch} with images of {image_size[0]}x{image_size[1]} pixels: accepted: squares of a "
                f"multiple of {patch}, such as data.image_size=224"
            )
        return {"image_size": image_size[0]}
    return {"input_size": image_size} if arch == "maxvit_t" else {}


def _take_channels(network: nn.Module, channels: int) -> None:
    """Puts a new first layer in, where images are not in colour."""
    name, first = next((name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d))
    if first.in_channels == channels:
        return
    kept = {key: getattr(first, key) for key in ("kernel_size", "stride", "padding", "dilation", "padding_mode")}
    made = nn.Conv2d(channels, first.out_channels, bias=first.bias is not None, **kept)
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, made)
