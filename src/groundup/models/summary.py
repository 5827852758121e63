"""What a model is made of: one row per layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from groundup.borrowed.torch import kind_of
from groundup.models.multiply_adds import Count, counting
from groundup.printable import in_columns
from groundup.spec import DatasetSpec

HEADER = ("Layer", "Type", "Input", "Output", "Maps", "Parameters")


@dataclass(frozen=True)
class LayerRow:
    """One layer; sizes are those of one image, without the batch, and None where the layer was never called."""

    name: str
    type: str
    input_size: tuple[int, ...] | None
    output_size: tuple[int, ...] | None
    parameters: int

    @property
    def feature_maps(self) -> int | None:
        """Channels of an output (C, H, W); None for an output that is no image."""
        if self.output_size is None or len(self.output_size) != 3:
            return None
        return self.output_size[0]

    def cells(self) -> tuple[str, ...]:
        maps = "-" if self.feature_maps is None else str(self.feature_maps)
        return self.name, self.type, _size(self.input_size), _size(self.output_size), maps, f"{self.parameters:,}"


@dataclass(frozen=True)
class ModelSummary:
    """The layers of a model and its totals; `str()` is a table for the terminal.

    Attributes:
        multiply_adds: of matrix products and convolutions for one image: PyTorch's, and those of layers computed
            otherwise, which have a method `multiply_adds` to say so. None where not all of them could be counted.
        uncounted: what could not; nothing where no image was sent through.
    """

    rows: tuple[LayerRow, ...]
    parameters: int
    trainable_parameters: int
    multiply_adds: int | None
    uncounted: tuple[str, ...] = ()

    def totals(self) -> str:
        products = "multiply-adds not known"
        if self.multiply_adds is not None:
            products = f"{self.multiply_adds:,} multiply-adds per image"
        elif self.uncounted:
            products += f": not counted are those of {', '.join(self.uncounted)}"
        return f"{self.parameters:,} parameters ({self.trainable_parameters:,} trainable), {products}"

    def __str__(self) -> str:
        table = [HEADER, *(row.cells() for row in self.rows)]
        lines = in_columns(table, right=range(2, len(HEADER)))
        rule = "-" * max(len(line) for line in lines)
        return "\n".join([lines[0], rule, *lines[1:], rule, self.totals()])

    def markdown(self) -> str:
        """The same as a Markdown table, for TensorBoard's text tab."""
        alignment = ("---", "---", "---:", "---:", "---:", "---:")
        table = [HEADER, alignment, *(row.cells() for row in self.rows)]
        return "\n".join([*("| " + " | ".join(row) + " |" for row in table), "", self.totals()])


def summarize(model: nn.Module, image: DatasetSpec | tuple[int, int, int] | None) -> ModelSummary:
    """Sends one zero image through `model` and writes down what its layers made of it.

    The image is one of the data set's, or has the given size (C, H, W). With None there is none, and sizes are unknown.
    A row is a module without children, or one with parameters of its own. A layer or weight used several times is
    listed or counted once. Mode, state and random numbers of the model are as before afterwards.
    """
    size = (image.channels, *image.image_size) if isinstance(image, DatasetSpec) else image
    layers = {name: layer for name, layer in model.named_modules() if _is_layer(layer)}
    sizes: dict[nn.Module, tuple[tuple[int, ...] | None, tuple[int, ...] | None]] = {}

    def record(layer: nn.Module, inputs: tuple, output: object) -> None:
        sizes.setdefault(layer, (_shape(inputs[0] if inputs else None), _shape(output)))

    hooks = [layer.register_forward_hook(record) for layer in layers.values()]
    try:
        with untouched(model) as like, counting() as count:
            if size is not None:
                model(torch.zeros(1, *size, dtype=like.dtype, device=like.device))
    finally:
        for hook in hooks:
            hook.remove()

    seen: set[nn.Parameter] = set()
    rows = tuple(
        LayerRow(name, kind_of(layer), *sizes.get(layer, (None, None)), _count_new(layer, seen))
        for name, layer in layers.items()
    )
    total, uncounted = _multiply_adds(model, count, {layer: output for layer, (_, output) in sizes.items()})
    return ModelSummary(
        rows=rows,
        parameters=sum(p.numel() for p in model.parameters()),
        trainable_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        multiply_adds=None if size is None or uncounted else total,
        uncounted=uncounted if size is not None else (),
    )


def _multiply_adds(
    model: nn.Module, count: Count, output_sizes: Mapping[nn.Module, tuple[int, ...] | None]
) -> tuple[int, tuple[str, ...]]:
    """PyTorch's and those that layers tell of, and what could not be counted."""
    told = {layer: layer.multiply_adds(size) for layer, size in output_sizes.items() if hasattr(layer, "multiply_adds")}  # type: ignore[operator]
    unknown = dict.fromkeys(kind_of(layer) for layer, products in told.items() if products is None)
    total = count.multiply_adds + sum(products or 0 for products in told.values())
    if total or unknown or count.uncounted or all(p.dim() < 2 for p in model.parameters()):
        return total, (*count.uncounted, *unknown)
    return 0, ("what is computed otherwise than by products of PyTorch",)


@contextmanager
def untouched(model: nn.Module) -> Iterator[Tensor]:
    """Evaluation without gradients; gives a tensor of the model's kind and device, and puts modes and RNG back.

    No parameter asks for a gradient inside: the counter of multiply-adds would look for one where a layer is called
    with a parameter, as CaiT's are.
    """
    like = next(model.parameters(), torch.zeros(()))
    modes = {module: module.training for module in model.modules()}
    made = [parameter for parameter in model.parameters() if not isinstance(parameter, UninitializedParameter)]
    learning = [parameter for parameter in made if parameter.requires_grad]
    model.eval()
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        with torch.no_grad(), torch.random.fork_rng([like.device] if like.is_cuda else []):
            yield like
    finally:
        for module, mode in modes.items():
            module.training = mode
        for parameter in learning:
            parameter.requires_grad_(True)


def _is_layer(module: nn.Module) -> bool:
    has_children = next(module.children(), None) is not None
    return not has_children or next(module.parameters(recurse=False), None) is not None


def _count_new(layer: nn.Module, seen: set[nn.Parameter]) -> int:
    new = [p for p in layer.parameters(recurse=False) if p not in seen]
    seen.update(new)
    return sum(p.numel() for p in new)


def _shape(value: object) -> tuple[int, ...] | None:
    return tuple(value.shape[1:]) if isinstance(value, Tensor) else None


def _size(size: tuple[int, ...] | None) -> str:
    return "-" if size is None else "x".join(map(str, size))
