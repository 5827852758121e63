"""What a network is made of: one row a layer."""

from __future__ import annotations

import numpy as np

from groundup.numpy_nets.chain import Chain
from groundup.numpy_nets.layer import Layer
from groundup.printable import in_columns


def table(net: Chain, input_shape: tuple[int, ...] | None = None) -> str:
    """Name, class, output shape and number of parameters of each layer, and of all.

    Args:
        input_shape: of one sample, without the batch: `(1, 28, 28)` or `(784,)`. None leaves the shapes out.

    Raises:
        InputError: on a sample that does not fit the layers.
    """
    leaves = list(net.leaves())
    counts = [sum(weight.size for weight in layer.params.values()) for _, layer in leaves]
    columns = {
        "layer": [path for path, _ in leaves],
        "type": [repr(layer) for _, layer in leaves],
        "output": [] if input_shape is None else output_shapes([layer for _, layer in leaves], input_shape),
        "parameters": [f"{count:,}" for count in counts],
    }
    shown = [[title, *cells] for title, cells in columns.items() if cells]
    rows = in_columns(list(zip(*shown, strict=True)), right=[len(shown) - 1])
    rule = "-" * len(rows[0])
    total = f"{sum(counts):,}"
    return "\n".join([rows[0], rule, *rows[1:], rule, "total" + total.rjust(len(rule) - len("total"))])


def output_shapes(layers: list[Layer], input_shape: tuple[int, ...]) -> list[str]:
    """The shape of one sample after each layer, found with a sample of zeros."""
    dtype = next((weight.dtype for layer in layers for weight in layer.params.values()), np.dtype(np.float32))
    x = np.zeros((1, *input_shape), dtype)
    shapes = []
    for layer in layers:
        x = layer.fork().forward(x)  # a fork, so that the layer's own last batch stays for its backward pass
        shapes.append("x".join(map(str, x.shape[1:])))
    return shapes
