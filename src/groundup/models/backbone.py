"""Networks of other libraries, as backbones with a head for the classes of the data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

from torch import Tensor, nn

from groundup.errors import UserError

Freeze = Literal["none", "backbone"] | int
MIN_SIZE = 32  # pixels a side: most halve an image five times
WITHIN = ("features", "trunk_output", "encoder", "layers", "blocks", "stages")  # modules that hold the stages
SLOW = 0.1  # of the rate: what pretrained weights learn at, unless told otherwise


class Input(NamedTuple):
    """What images weights were trained on: pixels a side, and `mean` and `std` per channel of pixels in 0..1."""

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


class Backbone(nn.Module):
    """A network of a library: `(N, C, H, W)` to logits `(N, num_classes)`. It is made with initial weights.

    Those that `weights` names are put into it when a training begins, by `groundup.learning.pretrained`, and by nobody
    else: whoever reads a trained network back needs no file, and no network.

    Args:
        network: of the library, for the channels and classes of the data.
        heads: names of its last layers, whose outputs are the classes.
        stages: names of parameters, stage by stage, the heads left out.
        arch: its name in the library.
        weights: `default`, a path or None.
        freeze: what does not learn: nothing, all but the heads, or so many first stages.
        backbone_rate: the share of the learning rate for all but the heads; None is 0.1 with weights, and 1 without.

    Attributes:
        library: its package.
        left_out: names of networks there that cannot be had.
        frozen: names of the parameters that do not learn.

    Raises:
        UserError: it has not so many stages.
    """

    library: ClassVar[str]
    left_out: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        network: nn.Module,
        heads: Sequence[str],
        stages: Sequence[Sequence[str]],
        arch: str,
        weights: str | None,
        freeze: Freeze,
        backbone_rate: float | None,
    ):
        super().__init__()
        self.network = network
        self.arch, self.weights, self.heads = arch, weights, tuple(heads)
        self.backbone_rate = backbone_rate if backbone_rate is not None else SLOW if weights is not None else 1.0
        self.frozen = [f"network.{name}" for name in _frozen(stages, freeze, arch)]

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)

    def is_of_head(self, name: str) -> bool:
        """Whether a parameter of `network` is one of its last layers'."""
        return name.rpartition(".")[0] in self.heads

    @property
    def rate_shares(self) -> dict[nn.Parameter, float]:
        """The shares of the learning rate of those parameters that do not learn at the whole of it."""
        if self.backbone_rate == 1:
            return {}
        named = self.network.named_parameters()
        return {parameter: self.backbone_rate for name, parameter in named if not self.is_of_head(name)}

    @property
    def first_layer(self) -> str:
        """The name of what sees the images first."""
        return next(name for name, layer in self.network.named_modules() if isinstance(layer, nn.Conv2d))

    @abstractmethod
    def published_weights(self) -> Mapping[str, Tensor]:
        """Those that the library publishes, by names of `network`; they are fetched, unless they lie in its cache.

        Raises:
            UserError: there are none, or they cannot be fetched.
        """

    @abstractmethod
    def converted(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Weights of a file of the library's, or of who first published them, by today's names, for this size."""

    @classmethod
    @abstractmethod
    def names(cls) -> list[str]:
        """The architectures that there are."""

    @classmethod
    @abstractmethod
    def input_of(cls, arch: str) -> Input:
        """What images the published weights of an architecture were trained on."""

    def not_fetched(self, what: str, error: Exception) -> UserError:
        """What to say where published weights cannot be had."""
        cause = type(error).__name__
        return UserError(
            f"model.weights=default: {what} could not be fetched ({cause}); put the file anywhere on this machine and "
            "give model.weights=PATH, or null to begin from nothing"
        )


def adapted(weight: Tensor, channels: int) -> Tensor:
    """The weight `(O, C, h, w)` of a first layer, for images of another number of channels.

    Its sum over the colours answers grey images as it answers them in colour. Further channels repeat the colours, at
    the same size of the sum.
    """
    there = weight.shape[1]
    if channels == 1:
        return weight.sum(dim=1, keepdim=True)
    repeated = weight.repeat(1, -(-channels // there), 1, 1)[:, :channels]
    return repeated * (there / channels)


def _frozen(stages: Sequence[Sequence[str]], freeze: Freeze, arch: str) -> list[str]:
    if freeze == "none":
        return []
    count = len(stages) if freeze == "backbone" else freeze
    if count > len(stages):
        raise UserError(
            f"model.freeze={freeze}: {arch} has {len(stages)} stages; accepted: none, backbone, 1 to {len(stages)}"
        )
    return [name for stage in stages[:count] for name in stage]


def options_of_input(weights: Input, channels: int) -> dict[str, Any]:
    """The keys of data that these weights want, for images of so many channels.

    Grey images are shown to all three colours at once, so they are normalised by the means of the three. Nothing is
    known of other numbers of channels.
    """
    if channels == len(weights.mean):
        mean, std = list(weights.mean), list(weights.std)
    elif channels == 1:
        mean, std = ([round(sum(each) / len(each), 6)] for each in (weights.mean, weights.std))
    else:
        return {"image_size": weights.size}
    return {"image_size": weights.size, "mean": mean, "std": std}


def stages_of(network: nn.Module, heads: Sequence[str]) -> list[list[str]]:
    """The names of a network's parameters, the heads' left out, by modules in the order that images go through them.

    Layers without modules of their own are one with what they follow.
    """
    stages: list[list[str]] = [[]]
    for place, module in _opened(network):
        names = [f"{place}.{name}" for name, _ in module.named_parameters()]
        if next(module.children(), None) is not None:
            stages.append([])
        stages[-1] += [name for name in names if name.rpartition(".")[0] not in heads]
    known = {name for stage in stages for name in stage}
    stages[0] += [  # what a module that is opened holds itself, such as a table of positions
        name for name, _ in network.named_parameters() if name not in known and name.rpartition(".")[0] not in heads
    ]
    return [stage for stage in stages if stage]


def _opened(module: nn.Module, place: str = "") -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        if name in WITHIN and next(child.children(), None) is not None:
            yield from _opened(child, f"{place}{name}.")
        else:
            yield f"{place}{name}", child
