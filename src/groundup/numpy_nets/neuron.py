"""Single perceptrons, as a first course shows them. They are written to be read; `Dense` is the same, but fast."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import DTypeLike

from groundup.numpy_nets.checks import check_grad, check_input, check_sizes
from groundup.numpy_nets.init import Init, set_weights, uniform
from groundup.numpy_nets.layer import Array, Layer


def _sigmoid(z: float) -> float:
    """1 / (1 + exp(-z)), without the exp of a positive number, which could overflow."""
    e = math.exp(-abs(z))
    return (1 if z >= 0 else e) / (1 + e)


# Each activation y = f(z) of one number, and its derivative written with y, so that z need not be kept.
ACTIVATIONS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "identity": (lambda z: z, lambda y: 1.0),
    "sigmoid": (_sigmoid, lambda y: y * (1 - y)),
    "tanh": (math.tanh, lambda y: 1 - y * y),
    "relu": (lambda z: max(z, 0.0), lambda y: 1.0 if y > 0 else 0.0),
}


class Neuron:
    """One unit: y = f(w · x + b) (Rosenblatt 1958, with a smooth f in place of his step).

    Args:
        weights: w, `(features,)`.
        bias: b.
        activation: f: "identity", "sigmoid", "tanh" or "relu".

    Raises:
        ValueError: an activation of no such name.
    """

    def __init__(self, weights: Array, bias: float, activation: str = "sigmoid"):
        if activation not in ACTIVATIONS:
            raise ValueError(f"Neuron: expected one of {', '.join(ACTIVATIONS)}, given {activation!r}")
        self.weights, self.bias = weights, bias
        self.activation, self.derivative = ACTIVATIONS[activation]

    def forward(self, x: Array) -> float:
        """y for one sample, `(features,)`."""
        self.y = self.activation(float(self.weights @ x) + float(self.bias))
        return self.y

    def backward(self, grad: float) -> float:
        """δ = dL/dz = dL/dy f'(z). From it follow dL/dw = δ x, dL/db = δ, and this neuron's part δ w of dL/dx."""
        return float(grad) * self.derivative(self.y)


class NeuronLayer(Layer):
    """Neurons side by side, each seeing the whole input: the numbers of `Dense` and an activation, one by one.

    y[n,o] = f(w[o] · x[n] + b[o]) for each sample n and neuron o.
    `x` is `(N, in_features)`, `y` is `(N, out_features)`. Neuron o has row o of `params["weight"]`
    `(out_features, in_features)` as its weights and number o of `params["bias"]` as its bias.

    Args:
        activation: "identity", "sigmoid", "tanh" or "relu".
        init: the initialiser of the weights, or its name, such as "xavier"; the biases begin with zeros.
        dtype: float32 or float64.
        rng: the generator that the weights are drawn from; None is a fresh one, different each time.

    Raises:
        InputError: on a batch of another shape or type, an empty one, NaN or infinity.
        ValueError: an activation of no such name.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        activation: str = "sigmoid",
        init: Init | str = uniform,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ):
        super().__init__()
        self.in_features, self.out_features = check_sizes(self, in_features=in_features, out_features=out_features)
        self.activation = activation
        set_weights(self, (self.out_features, self.in_features), True, init, dtype, rng)
        self._make_neurons()  # refuses an activation that there is not, now rather than at the first batch

    def forward(self, x: Array, training: bool = False) -> Array:
        check_input(self, x, ("N", self.in_features))
        self._x = x
        self._neurons = [self._make_neurons() for _ in x]  # each remembers the one sample that it saw
        y = [[neuron.forward(sample) for neuron in row] for sample, row in zip(x, self._neurons, strict=True)]
        self.output_shape = len(x), self.out_features
        return np.array(y, x.dtype)

    def backward_params(self, grad: Array) -> None:
        """dL/dw[o] = sum over n of δ[n,o] x[n] and dL/db[o] = sum over n of δ[n,o], with each neuron's own δ."""
        check_grad(self, grad)
        self.grads["weight"] = np.zeros_like(self.params["weight"])
        self.grads["bias"] = np.zeros_like(self.params["bias"])
        for n, o, neuron in self._each():
            delta = neuron.backward(grad[n, o])
            self.grads["weight"][o] += delta * self._x[n]
            self.grads["bias"][o] += delta

    def backward_input(self, grad: Array) -> Array:
        """dL/dx[n] = sum over o of δ[n,o] w[o]: what all neurons pass back."""
        dx = np.zeros_like(self._x)
        for n, o, neuron in self._each():
            dx[n] += neuron.backward(grad[n, o]) * neuron.weights
        return dx

    def _make_neurons(self) -> list[Neuron]:
        rows = zip(self.params["weight"], self.params["bias"], strict=True)
        return [Neuron(weights, bias, self.activation) for weights, bias in rows]

    def _each(self) -> Iterator[tuple[int, int, Neuron]]:
        """Every neuron of every sample: number of the sample, number of the neuron, the neuron."""
        for n, row in enumerate(self._neurons):
            for o, neuron in enumerate(row):
                yield n, o, neuron

    def __repr__(self) -> str:
        return f"NeuronLayer({self.in_features}, {self.out_features}, {self.activation!r})"
