"""A network: layers one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from groundup.numpy_nets.layer import Array, Layer


class Sequential(Layer):
    """Layers one after another: y = f_n(... f_2(f_1(x))).

    `params`, `grads` and `buffers` hold those of all layers, named LAYER.WEIGHT: "0.weight", "features.conv1.bias".

    Args:
        layers: in order; as a list they are named "0", "1" and so on, as a dict by its keys.
    """

    def __init__(self, layers: Sequence[Layer] | Mapping[str, Layer]):
        named = layers if isinstance(layers, Mapping) else {str(i): layer for i, layer in enumerate(layers)}
        self.layers: dict[str, Layer] = dict(named)
        for name, layer in self.layers.items():
            layer.name = name
        self.name = ""

    def _collect(self, kind: str) -> dict[str, Array]:
        return {f"{n}.{key}": a for n, layer in self.layers.items() for key, a in getattr(layer, kind).items()}

    @property
    def params(self) -> dict[str, Array]:  # type: ignore[override]
        return self._collect("params")

    @property
    def grads(self) -> dict[str, Array]:  # type: ignore[override]
        return self._collect("grads")

    @property
    def buffers(self) -> dict[str, Array]:  # type: ignore[override]
        return self._collect("buffers")

    def forward(self, x: Array, training: bool = False) -> Array:
        for layer in self.layers.values():
            x = layer.forward(x, training)
        return x

    def backward(self, grad: Array, input_grad: bool = False) -> Array | None:  # type: ignore[override]
        """The chain rule, from the last layer to the first one: fills the `grads` of every layer.

        dL/dx of the network's own input takes a large matrix product that training has no use for: it is computed
        and returned with `input_grad=True` alone.
        """
        layers = list(self.layers.values())
        first = 0 if input_grad else next((i for i, layer in enumerate(layers) if layer.params), len(layers))
        for layer in layers[:first:-1]:
            grad = layer.backward(grad)
        if input_grad:
            return layers[0].backward(grad)
        if first < len(layers):
            layers[first].backward_params(grad)
        return None
