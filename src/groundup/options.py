"""The words in which every room says, in its own `options.py`, what its parts may be told. Imports no torch.

An option is a key of a part in `conf/`: its type, its range, and where it may be left out its default. A class of
options stands beside the class that takes them and names it by `_target_`; `config/` finds it by that name.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


def _two(values: list[float]) -> list[float]:
    if len(values) != 2:
        raise PydanticCustomError("two_numbers", "must be two numbers")
    return values


Text = Annotated[str, Field(pattern=r"\S")]  # an empty path would be the current directory
Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
# Bounds of what memory or processes are taken for: above them is a slip of the hand, or a stranger's bad joke.
Pixels = Annotated[int, Field(ge=1, le=10_000)]  # a side
Units = Annotated[int, Field(ge=1, le=1_000_000)]
Depth = Annotated[int, Field(ge=1, le=1000)]  # layers or blocks
Workers = Annotated[int, Field(ge=0, le=1024)]
UnitsOfLayers = Annotated[list[Units], Field(max_length=1000)]
Stages = Annotated[list[Units], Field(max_length=16)]  # each halves the image
Rate = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]  # of a whole; 1 allowed
Part = Annotated[float, Field(ge=0, lt=1)]  # of a whole; 1 would leave nothing
Betas = Annotated[list[Part], AfterValidator(_two)]
Activation = Literal["relu", "gelu", "silu", "tanh", "sigmoid", "leaky_relu"]


class Node(BaseModel):
    """A group of keys, of exactly these types: a string is no number, and an unknown key is an error."""

    # deferred: a validator is built when it is asked, for a run needs a dozen of some seventy
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)
    package: ClassVar[str | None] = None  # that its part imports and only an extra installs: see `config.extras`


# The kinds of parts. Those that ship are told from a kind itself by their `_target_`.


class Data(Node):
    """Of a data module."""


class ModelKind(Enum):
    """What the node of a model makes."""

    NETWORK = "a torch.nn.Module from images to logits, trained by back-propagation"
    NUMPY = "a hand-written network of `numpy_nets`, likewise"
    LEARNER = "a `learning.learner.Learner`: a way of learning with its network"
    MODULE = "a LightningModule with steps and optimizers of its own"


class Model(Node):
    """Of a network, or of a way of learning with its network."""

    kind: ClassVar[ModelKind] = ModelKind.NETWORK
    min_image_size: ClassVar[int] = 1  # pixels a side
    any_image_size: ClassVar[bool] = False  # from there on, whatever it was made for
    sizes: ClassVar[tuple[str, ...]] = ()  # the keys that its weights are as many by as one likes
    begins_with: ClassVar[str | None] = None  # the key that names weights: a training begins with them, no reader asks

    @classmethod
    def smallest_image(cls, options: Mapping[str, Any]) -> int:
        """Pixels a side that the model needs with these options."""
        return cls.min_image_size

    @classmethod
    def fewest_weights(cls, options: Mapping[str, Any], inputs: int, classes: int) -> int:
        """A number of weights that it has at least, for images of so many numbers: those of its large layers."""
        return 0


class Loss(Node):
    """Of a loss."""


class Optimizer(Node):
    """Of an update rule, which gets its parameters later."""

    partial: Literal[True] = Field(alias="_partial_")
    lr: Rate
    weight_decay: NotNegative


class Schedule(Node):
    """Of a schedule of the learning rate."""


class Callback(Node):
    """Of what is watched or done while a network learns."""

    needs_validation: ClassVar[bool] = True  # where it monitors a figure of one


class Logger(Node):
    """Of what figures are written to."""

    reaches_out: ClassVar[bool] = False  # writes, or sends, to where its node says: not for a stranger's config


def weights_between(units: list[int]) -> int:
    """Weights between layers of so many units."""
    return sum(before * after for before, after in itertools.pairwise(units))


def split_url(text: str) -> SplitResult:
    """The parts of a URL, for a validator.

    Raises:
        PydanticCustomError: it is none.
    """
    try:
        url = urlsplit(text)
        _ = url.port  # is looked at when it is asked for
    except ValueError as error:
        raise PydanticCustomError("url", "must be a URL") from error
    return url
