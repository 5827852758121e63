"""Optimizers: how weights follow their gradients. g is dL/dw of a weight w, lr the learning rate."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from groundup.numpy_nets.checks import check_flag, weight_grad
from groundup.numpy_nets.layer import Array, InputError, Layer


class Optimizer:
    """Moves the weights of a network, or of one layer, one step at a time.

    A subclass defines `update`, the rule for a single weight. Weights are changed in place. They are looked up in
    `net.params` and `net.grads` at every step.

    Attributes:
        lr: the learning rate; it may be changed between steps.
        state: what the rule remembers of each weight, by name.
    """

    def __init__(self, net: Layer, lr: float):
        if not isinstance(net, Layer):
            raise InputError(f"{type(self).__name__}: expected a network or a layer, given {type(net).__name__}")
        self.net = net
        self.lr = self._checked("lr", lr)
        self.state: dict[str, dict[str, Array]] = {}
        self._spare = np.empty(0, np.uint8)

    def step(self) -> None:
        """Updates every weight by its gradient. The next backward pass then needs a forward pass before it.

        Raises:
            RuntimeError: before any backward pass.
            InputError: on a gradient of another shape than its weight.
        """
        params, grads, label = self.net.params, self.net.grads, type(self).__name__
        checked = [weight_grad(label, grads, name, weight) for name, weight in params.items()]
        for (name, weight), grad in zip(params.items(), checked, strict=True):
            self.update(weight, grad, self.state.setdefault(name, {}))
        self.net.end_pass()

    def update(self, weight: Array, grad: Array, state: dict[str, Array]) -> None:
        """One step of one weight, in place. `grad` is left as it is.

        Args:
            state: what the rule remembers of this weight; empty before the first step.
        """
        raise NotImplementedError

    def _scratch(self, like: Array) -> Array:
        """Memory for a result in between, of the same shape and type: the same memory at each call, for speed."""
        if self._spare.size < like.nbytes:
            self._spare = np.empty(like.nbytes, np.uint8)
        return self._spare[: like.nbytes].view(like.dtype).reshape(like.shape)

    def _checked(self, argument: str, value: float, below: float = math.inf) -> float:
        if not isinstance(value, Real) or not 0 <= value < below:  # NaN fails too
            accepted = "a finite number from 0 on" if below == math.inf else f"a number from 0 to below {below}"
            raise InputError(f"{type(self).__name__}: {argument} is {accepted}, given {value!r}")
        return float(value)


class SGD(Optimizer):
    """Stochastic gradient descent: w ← w - lr g.

    With weight decay g is g + weight_decay w. With momentum w ← w - lr v, v ← momentum v + g, a velocity (Polyak 1964);
    with Nesterov's, w ← w - lr (g + momentum v) (Sutskever et al. 2013). `torch.optim.SGD` has the
    same rule.

    Raises:
        InputError: on a value out of range, or `nesterov` without momentum.
    """

    def __init__(self, net: Layer, lr: float, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0):
        super().__init__(net, lr)
        self.momentum = self._checked("momentum", momentum, below=1)
        self.weight_decay = self._checked("weight_decay", weight_decay)
        check_flag("SGD", nesterov=nesterov)
        if nesterov and not momentum:
            raise InputError("SGD: nesterov=True needs a momentum above 0, given 0")
        self.nesterov = nesterov

    def update(self, weight: Array, grad: Array, state: dict[str, Array]) -> None:
        grad = _decayed(grad, weight, self.weight_decay)
        if self.momentum:
            velocity = _moment(state, "velocity", weight)
            velocity *= self.momentum
            velocity += grad
            grad = grad + self.momentum * velocity if self.nesterov else velocity
        weight -= np.multiply(grad, float(self.lr), out=self._scratch(weight))


class RMSProp(Optimizer):
    """w ← w - lr g / (sqrt(v) + eps), with v ← alpha v + (1 - alpha) g², a running mean (Tieleman and Hinton 2012).

    With momentum w ← w - lr b, b ← momentum b + g / (sqrt(v) + eps). With weight decay g is g + weight_decay w.
    `torch.optim.RMSprop` has the same rule.

    Raises:
        InputError: on a value out of range.
    """

    def __init__(
        self,
        net: Layer,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ):
        super().__init__(net, lr)
        self.alpha = self._checked("alpha", alpha, below=1)
        self.eps = self._checked("eps", eps)
        self.momentum = self._checked("momentum", momentum, below=1)
        self.weight_decay = self._checked("weight_decay", weight_decay)

    def update(self, weight: Array, grad: Array, state: dict[str, Array]) -> None:
        grad = _decayed(grad, weight, self.weight_decay)
        v = _moment(state, "v", weight)
        _running_mean(v, self.alpha, np.square(grad, out=self._scratch(weight)))
        step = np.sqrt(v, out=self._scratch(weight))
        step += self.eps
        np.divide(grad, step, out=step)
        if self.momentum:
            velocity = _moment(state, "velocity", weight)
            velocity *= self.momentum
            velocity += step
            step[...] = velocity
        step *= float(self.lr)
        weight -= step


class Adam(Optimizer):
    """w ← w - lr m̂ / (sqrt(v̂) + eps) (Kingma and Ba 2015, algorithm 1).

    m ← beta1 m + (1 - beta1) g and v ← beta2 v + (1 - beta2) g² are running means. They begin at 0, so they are too
    small at first. In step t, m̂ = m / (1 - beta1^t) and v̂ = v / (1 - beta2^t) correct that. With
    `bias_correction=False` m̂ = m and v̂ = v. With weight decay g is g + weight_decay w. `torch.optim.Adam` has the
    same rule.

    Raises:
        InputError: on a value out of range.
    """

    def __init__(
        self,
        net: Layer,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        bias_correction: bool = True,
        weight_decay: float = 0.0,
    ):
        super().__init__(net, lr)
        beta1, beta2 = betas
        self.betas = self._checked("betas[0]", beta1, below=1), self._checked("betas[1]", beta2, below=1)
        self.eps = self._checked("eps", eps)
        check_flag("Adam", bias_correction=bias_correction)
        self.bias_correction = bias_correction
        self.weight_decay = self._checked("weight_decay", weight_decay)

    def update(self, weight: Array, grad: Array, state: dict[str, Array]) -> None:
        grad = _decayed(grad, weight, self.weight_decay)
        beta1, beta2 = self.betas
        m, v = _moment(state, "m", weight), _moment(state, "v", weight)
        t = state.setdefault("step", np.zeros((), np.int64))
        t += 1
        _running_mean(m, beta1, grad, self._scratch(weight))
        _running_mean(v, beta2, np.square(grad, out=self._scratch(weight)))
        correct_m, correct_v = (1 - beta1 ** int(t), 1 - beta2 ** int(t)) if self.bias_correction else (1.0, 1.0)
        step = np.sqrt(v, out=self._scratch(weight))
        step /= math.sqrt(correct_v)
        step += self.eps
        np.divide(m, step, out=step)
        step *= float(self.lr) / correct_m
        weight -= step


def _decayed(grad: Array, weight: Array, weight_decay: float) -> Array:
    """The gradient of L + ½ weight_decay Σ w²."""
    return grad + weight_decay * weight if weight_decay else grad


def _moment(state: dict[str, Array], name: str, weight: Array) -> Array:
    if name not in state:
        state[name] = np.zeros_like(weight)
    return state[name]


def _running_mean(mean: Array, beta: float, value: Array, scratch: Array | None = None) -> None:
    """mean ← beta mean + (1 - beta) value, in place; `value` is spoilt unless there is scratch memory."""
    mean *= beta
    mean += np.multiply(value, 1 - beta, out=value if scratch is None else scratch)
