"""Whole networks by name, ready for `groundup.learning`: images `(N, C, H, W)` in, outputs `(N, num_classes)` out.

Layers are named as in their PyTorch twins in `groundup.models`, so that weights move from one to the other unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import DTypeLike

from groundup.numpy_nets.activations import ReLU, Sigmoid, Softmax, Tanh
from groundup.numpy_nets.batch_norm import BatchNorm
from groundup.numpy_nets.conv import Conv2D
from groundup.numpy_nets.dense import Dense
from groundup.numpy_nets.dropout import Dropout
from groundup.numpy_nets.flatten import Flatten
from groundup.numpy_nets.init import INITS
from groundup.numpy_nets.layer import Layer
from groundup.numpy_nets.pooling import AvgPool2D, MaxPool2D
from groundup.numpy_nets.sequential import Sequential

ACTIVATIONS: dict[str, type[Layer]] = {"relu": ReLU, "sigmoid": Sigmoid, "tanh": Tanh}
OUTPUTS: dict[str, type[Layer] | None] = {"identity": None, "sigmoid": Sigmoid, "tanh": Tanh, "softmax": Softmax}
POOLINGS: dict[str, type[MaxPool2D] | type[AvgPool2D]] = {"max": MaxPool2D, "avg": AvgPool2D}

Choice = TypeVar("Choice")


def mlp(
    in_channels: int,
    image_size: tuple[int, int],
    num_classes: int,
    hidden_dims: Sequence[int] = (256, 128),
    activation: str = "relu",
    output: str = "identity",
    batch_norm: bool = False,
    dropout: float = 0.0,
    init: str = "kaiming",
    rng: np.random.Generator | None = None,
    dtype: DTypeLike = np.float32,
) -> Sequential:
    """Fully connected layers over the flattened image; the twin of `groundup.models.mlp.MLP`.

    Args:
        hidden_dims: units of each hidden layer; none at all makes a linear classifier.
        activation: relu, sigmoid or tanh, after every hidden layer.
        output: identity, sigmoid, tanh or softmax, after the last layer. The losses that go by the name of
            cross-entropy want identity: softmax or sigmoid is a part of them.
        batch_norm: normalise before each activation.
        dropout: probability of zeroing a hidden unit while training.
        init: a name in `groundup.numpy_nets.init.INITS`.

    Raises:
        ValueError: a name is unknown.
    """
    act, draw = _choose("activation", activation, ACTIVATIONS), _choose("init", init, INITS)
    dims = [in_channels * image_size[0] * image_size[1], *hidden_dims]
    layers: list[Layer] = [Flatten()]
    for fan_in, fan_out in pairwise(dims):
        # the normalisation subtracts the mean and adds a bias of its own
        layers.append(Dense(fan_in, fan_out, bias=not batch_norm, init=draw, rng=rng, dtype=dtype))
        if batch_norm:
            layers.append(BatchNorm(fan_out, dtype=dtype))
        layers.append(act())
        if dropout:
            layers.append(Dropout(dropout))
    named = {f"features.{i}": layer for i, layer in enumerate(layers)}
    return Sequential(named | _head(Dense(dims[-1], num_classes, init=draw, rng=rng, dtype=dtype), output))


def lenet(
    in_channels: int,
    image_size: tuple[int, int],
    num_classes: int,
    activation: str = "relu",
    pool: str = "max",
    output: str = "identity",
    init: str = "uniform",
    rng: np.random.Generator | None = None,
    dtype: DTypeLike = np.float32,
) -> Sequential:
    """LeNet-5 (LeCun et al. 1998, section II.B); the twin of `groundup.models.lenet.LeNet`, which says how it differs.

    The first convolution is padded by 2: 28x28 images become the 32x32 of the paper. Weights are drawn as PyTorch
    draws them, U(-1/sqrt(fan_in), 1/sqrt(fan_in)), with `init="uniform"`; biases begin with zeros.

    Args:
        activation: relu, sigmoid or tanh; the paper has tanh.
        pool: max or avg; the paper averages.
        output: as in `mlp`.
        init: as in `mlp`.

    Raises:
        ValueError: the image is smaller than 12x12, or a name is unknown.
    """
    _require_image_size("lenet", image_size, 12)
    act, draw = _choose("activation", activation, ACTIVATIONS), _choose("init", init, INITS)
    pool_class = _choose("pool", pool, POOLINGS)
    height, width = ((side // 2 - 4) // 2 for side in image_size)
    layers: dict[str, Layer] = {
        "conv1": Conv2D(in_channels, 6, kernel_size=5, padding=2, init=draw, rng=rng, dtype=dtype),
        "act1": act(),
        "pool1": pool_class(2),
        "conv2": Conv2D(6, 16, kernel_size=5, init=draw, rng=rng, dtype=dtype),
        "act2": act(),
        "pool2": pool_class(2),
        "flatten": Flatten(),
        "fc1": Dense(16 * height * width, 120, init=draw, rng=rng, dtype=dtype),
        "act3": act(),
        "fc2": Dense(120, 84, init=draw, rng=rng, dtype=dtype),
        "act4": act(),
    }
    named = {f"features.{name}": layer for name, layer in layers.items()}
    return Sequential(named | _head(Dense(84, num_classes, init=draw, rng=rng, dtype=dtype), output))


def cnn(
    in_channels: int,
    image_size: tuple[int, int],
    num_classes: int,
    channels: Sequence[int] = (16, 32),
    hidden_dims: Sequence[int] = (128, 64),
    activation: str = "relu",
    pool: str = "max",
    output: str = "identity",
    init: str = "kaiming",
    rng: np.random.Generator | None = None,
    dtype: DTypeLike = np.float32,
) -> Sequential:
    """3x3 convolutions without padding, each with an activation and 2x2 pooling, then fully connected layers.

    Args:
        channels: of each convolution.
        hidden_dims: units of each fully connected layer before the last.
        activation: relu, sigmoid or tanh.
        pool: max or avg.
        output: as in `mlp`.
        init: as in `mlp`.

    Raises:
        ValueError: nothing is left of the image after so many poolings, or a name is unknown.
    """
    _require_image_size("cnn", image_size, 3 * 2 ** len(channels) - 2)  # from 1 pixel back: 4, 10, 22, ...
    act, draw = _choose("activation", activation, ACTIVATIONS), _choose("init", init, INITS)
    pool_class = _choose("pool", pool, POOLINGS)
    layers: dict[str, Layer] = {}
    for i, (fan_in, fan_out) in enumerate(pairwise([in_channels, *channels]), start=1):
        layers[f"conv{i}"] = Conv2D(fan_in, fan_out, kernel_size=3, init=draw, rng=rng, dtype=dtype)
        layers |= {f"act{i}": act(), f"pool{i}": pool_class(2)}
    layers["flatten"] = Flatten()
    height, width = (_side_after(side, len(channels)) for side in image_size)
    dims = [[in_channels, *channels][-1] * height * width, *hidden_dims]
    for i, (fan_in, fan_out) in enumerate(pairwise(dims), start=1):
        layers[f"fc{i}"] = Dense(fan_in, fan_out, init=draw, rng=rng, dtype=dtype)
        layers[f"act{len(channels) + i}"] = act()
    named = {f"features.{name}": layer for name, layer in layers.items()}
    return Sequential(named | _head(Dense(dims[-1], num_classes, init=draw, rng=rng, dtype=dtype), output))


def _side_after(side: int, convolutions: int) -> int:
    """What 3x3 convolutions, each with 2x2 pooling, leave of a side."""
    for _ in range(convolutions):
        side = (side - 2) // 2
    return side


def _head(dense: Dense, output: str) -> dict[str, Layer]:
    last = _choose("output", output, OUTPUTS)
    return {"head": dense} if last is None else {"head": dense, "output": last()}


def _choose(what: str, name: str, options: Mapping[str, Choice]) -> Choice:
    if name not in options:
        raise ValueError(f"{what}: expected one of {', '.join(options)}, given {name!r}")
    return options[name]


def _require_image_size(model: str, image_size: tuple[int, int], smallest: int) -> None:
    if min(image_size) < smallest:
        raise ValueError(
            f"{model}: expected images of at least {smallest}x{smallest}, given {image_size[0]}x{image_size[1]}"
        )
