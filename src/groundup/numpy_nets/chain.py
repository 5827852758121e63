"""Layers one after another: the forward pass through them, and the chain rule on the way back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from groundup.numpy_nets.arrays import Arrays
from groundup.numpy_nets.checks import check_batch
from groundup.numpy_nets.layer import Array, InputError, Layer


class Chain(Layer):
    """y = f_n(... f_2(f_1(x))): layers that compute, each with what the one before gave.

    What trains, measures or describes a network needs no more than this. `Sequential` is a chain with all of that as
    methods, and the class to make networks of.

    `params`, `grads` and `buffers` are collected from the layers anew at each look, see `Arrays`.

    Args:
        layers: in order, by their names. A layer may be a chain itself.

    Attributes:
        looked_for: the kinds of misuse that it was searched for already, see `misuse`.
    """

    def __init__(self, layers: Mapping[str, Layer]):
        self._layers: dict[str, Layer] = dict(layers)
        self._passes: list[object] = []  # of the last forward pass: the `output_shape` of each layer
        self.name, self.looked_for = "", set[str]()
        for path, layer in self.walk():
            layer.name = path
        # A layer with weights looks at its input itself, and once is enough.
        self._looks_at_input = not next(layer for _, layer in self.leaves()).params

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers in order: `net.layers[0]`."""
        return tuple(self._layers.values())

    @property
    def named_layers(self) -> Mapping[str, Layer]:
        """The layers in order by their names, to be read."""
        return MappingProxyType(self._layers)

    @property
    def params(self) -> Arrays:  # type: ignore[override]
        return Arrays(self._collect("params"))

    @property
    def grads(self) -> Arrays:  # type: ignore[override]
        return Arrays(self._collect("grads"))

    @property
    def buffers(self) -> Arrays:  # type: ignore[override]
        return Arrays(self._collect("buffers"))

    def _collect(self, kind: str) -> dict[str, Array]:
        return {f"{n}.{key}": a for n, layer in self._layers.items() for key, a in getattr(layer, kind).items()}

    def walk(self) -> Iterator[tuple[str, Layer]]:
        """Every layer and its name, networks within this one and their layers too: "features", "features.conv1"."""
        for name, layer in self._layers.items():
            yield name, layer
            if isinstance(layer, Chain):
                yield from ((f"{name}.{inner}", leaf) for inner, leaf in layer.walk())

    def leaves(self) -> Iterator[tuple[str, Layer]]:
        """Every layer that is no network itself, in the order in which they compute."""
        return ((path, layer) for path, layer in self.walk() if not isinstance(layer, Chain))

    def forward(self, x: Array, training: bool = False) -> Array:
        """y = f_n(... f_2(f_1(x))).

        Raises:
            InputError: on anything but a batch of finite floating-point numbers that fits the layers.
        """
        if self._looks_at_input:
            check_batch(self.label, x)
        passes: list[object] = []
        for layer in self._layers.values():
            x = layer.forward(x, training)
            passes.append(layer.output_shape)  # this very tuple: the next pass makes another one
        self._passes, self.output_shape = passes, x.shape
        return x

    def backward(self, grad: Array, input_grad: bool = False) -> Array | None:  # type: ignore[override]
        """The chain rule, from the last layer to the first one: fills the `grads` of every layer.

        dL/dx of the network's own input takes a large matrix product that training has no use for: it is computed
        and returned with `input_grad=True` alone.

        Layers keep the arrays of the forward pass, not copies: x, and what the layers gave, are not to be changed in
        place before the backward pass is through. That is not noticed.

        Raises:
            RuntimeError: before any forward pass.
            InputError: a layer that ran again since the last forward pass, or whose weights an optimizer moved.
        """
        return self._chain_rule(grad, input_grad)

    def backward_params(self, grad: Array) -> None:
        """dL/dw of every weight, into the `grads` of the layers."""
        self._chain_rule(grad, input_grad=False)

    def backward_input(self, grad: Array) -> Array:
        """dL/dx. Computes the layers' `grads` on the way."""
        dx = self._chain_rule(grad, input_grad=True)
        assert dx is not None
        return dx

    def _chain_rule(self, grad: Array, input_grad: bool) -> Array | None:
        layers = self.layers
        first = 0 if input_grad else next((i for i, layer in enumerate(layers) if layer.params), len(layers))
        self._check_passes(first)
        for layer in layers[:first:-1]:
            grad = _backward(layer, grad)
        if input_grad:
            return _backward(layers[0], grad)
        if first < len(layers):
            layers[first].backward_params(grad)
        return None

    def _check_passes(self, first: int) -> None:
        """Refuses where a layer, from number `first` on, no longer has what this network's forward pass left in it."""
        for layer, made in zip(self.layers[first:], self._passes[first:], strict=False):
            if layer.output_shape is made:
                continue
            if layer.output_shape is None:
                raise InputError(
                    f"{self.label}: expected a forward() since the last step of the optimizer, given none: "
                    f"the weights of {layer.label} are no longer those that the outputs were computed with"
                )
            raise InputError(
                f"{self.label}: expected its layers as its last forward() left them, given {layer.label} that ran "
                "again since, by itself or within another network: use layer.fork() there, which shares the weights, "
                "or do forward(), loss and backward() without it in between"
            )

    def end_pass(self) -> None:
        super().end_pass()
        for layer in self._layers.values():
            layer.end_pass()


def _backward(layer: Layer, grad: Array) -> Array:
    """dL/dx of a layer; of a network within this one too."""
    if isinstance(layer, Chain):
        return layer.backward_input(grad)
    return layer.backward(grad)
