"""One training step written out number by number, so that a person can check it with a pocket calculator."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TextIO

from numpy.typing import ArrayLike

from groundup.numpy_nets import misuse, worked
from groundup.numpy_nets.arguments import check_loss, check_optimizer, check_pairs
from groundup.numpy_nets.chain import Chain
from groundup.numpy_nets.layer import Array, Layer
from groundup.numpy_nets.losses import Loss, SoftmaxCrossEntropy
from groundup.numpy_nets.optimizers import SGD, Optimizer
from groundup.numpy_nets.targets import as_targets
from groundup.numpy_nets.typeset import Index, calculations, chapter, number, prose, table, total, wrapped
from groundup.numpy_nets.worked import Pass

HOW_TO_READ = """\
x is what a layer is given, y what it makes of it: the y of one layer is the x of the next one. dL/dy says how much
the loss L changes with each number of y (the layer's "delta"), and likewise dL/dx and dL/d(weight). N counts samples.
y[0,1] is number 1 of sample 0: counting begins with 0. In front of a row of numbers stands the place of its first one.
All are shown with six significant digits, so what you calculate from them may differ in the last one or two.
exp, log and tanh are those of a pocket calculator, log being the natural logarithm (often "ln")."""


def write(
    net: Chain,
    x: Array,
    y: ArrayLike,
    file: str | PathLike[str] | TextIO,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
) -> None:
    """Writes forward pass, loss, backward pass and update of one step on the batch `x`, `y`.

    The step is done by a copy: network and optimizer are as before afterwards. Small sums are written out, and the
    first numbers of large arrays; all numbers are there.

    Args:
        x: a few samples, `(N, ...)`.
        y: targets as the loss takes them.
        file: where to: a path, or a text file open for writing.
        loss: None is `SoftmaxCrossEntropy()`.
        optimizer: None is `SGD` with a learning rate of 0.1.

    Raises:
        InputError: on what the layers or the loss refuse.
    """
    targets, loss = as_targets("trace", y), loss or SoftmaxCrossEntropy()
    check_pairs("trace", x, targets)
    check_loss("trace", loss)
    misuse.warn_of_ending(net, loss)
    if optimizer is not None:
        check_optimizer("trace", net, optimizer)
    net, optimizer = copy.deepcopy((net, optimizer))
    steps = _Step(net, copy.copy(loss), optimizer or SGD(net, lr=0.1))
    text = "\n".join(steps.lines(x, targets)) + "\n"
    if isinstance(file, str | PathLike):
        Path(file).write_text(text, encoding="utf-8")
    else:
        file.write(text)


class _Step:
    """The chapters of the text. The numbers are taken from the layers as they compute."""

    def __init__(self, net: Chain, loss: Loss, optimizer: Optimizer):
        self.net, self.loss, self.optimizer = net, loss, optimizer
        self.layers = list(net.leaves())

    def lines(self, x: Array, y: Array) -> Iterator[str]:
        yield from ["ONE TRAINING STEP, NUMBER BY NUMBER", "", HOW_TO_READ, ""]
        yield from chapter(f"The batch: {len(x)} sample" + ("s" if len(x) > 1 else ""))
        yield from ["", *table("x", x), *table("target", y)]
        values = [x]
        for path, layer in self.layers:
            yield from self._forward(path, layer, values)
        yield from self._loss(values[-1], y)
        grad = self.loss.backward()
        for i in range(len(self.layers) - 1, self._first() - 1, -1):
            path, layer = self.layers[i]
            seen = Pass(values[i], values[i + 1], grad)
            layer.backward_params(grad)
            yield from self._backward_params(path, layer, seen)
            if i > self._first():
                grad = layer.backward_input(grad)
                yield from self._backward_input(layer, seen, grad)
        yield from self._update()

    def _first(self) -> int:
        """The first layer with weights: nothing before it has anything to learn."""
        return next((i for i, (_, layer) in enumerate(self.layers) if layer.params), len(self.layers))

    def _forward(self, path: str, layer: Layer, values: list[Array]) -> Iterator[str]:
        x = values[-1]
        y = layer.forward(x, training=True)
        values.append(y)
        yield from chapter(f"Forward, layer '{path}': {layer!r}")
        yield from ["", *prose(type(layer)), ""]
        for name, weight in layer.params.items():
            yield from table(name, weight)
        yield from calculations("y", y, partial(worked.output, layer, x))

    def _loss(self, out: Array, target: Array) -> Iterator[str]:
        value = self.loss.forward(out, target)
        entries = self.loss.entries(target, out)
        factor = self.loss.factor(out.shape)
        terms = self.loss.terms(out, entries)
        yield from chapter(f"Loss: {self.loss!r}")
        yield from ["", *prose(type(self.loss)), ""]
        yield from table("t, the target of each output", entries)
        yield from calculations("term", terms, partial(worked.term, self.loss, out, entries))
        n, k = out.shape
        yield f"  N = {n} and K = {k} outputs: the factor of reduction {self.loss.reduction!r} is {number(factor)}."
        yield from wrapped(f"L = {number(factor)}·({total((t,) for t in terms.flat)}) = {number(value)}")
        yield from ["", *chapter("Backward: the loss"), ""]
        yield from [*prose(self.loss.slopes), f"  Times the factor {number(factor)}.", ""]

        def slope(at: Index) -> str | None:
            text = worked.slope(self.loss, out, entries, at)
            return text and f"{number(factor)}·{text}"

        yield from calculations("dL/dy", self.loss.backward(), slope)

    def _backward_params(self, path: str, layer: Layer, seen: Pass) -> Iterator[str]:
        yield from chapter(f"Backward, layer '{path}': {layer!r}")
        yield ""
        if not layer.params:
            return
        yield from [*prose(layer.backward_params), ""]
        for name, grad in layer.grads.items():
            yield from calculations(f"dL/d({name})", grad, partial(worked.weight_grad, layer, seen, name))

    def _backward_input(self, layer: Layer, seen: Pass, dx: Array) -> Iterator[str]:
        yield from [*prose(layer.backward_input), "  It is dL/dy of the layer before.", ""]
        yield from calculations("dL/dx", dx, partial(worked.input_grad, layer, seen))

    def _update(self) -> Iterator[str]:
        yield from chapter(f"Update: {type(self.optimizer).__name__} with the learning rate {self.optimizer.lr:g}")
        yield from ["", *prose(type(self.optimizer)), "", "  The new weights:", ""]
        old = {name: weight.copy() for name, weight in self.net.params.items()}
        self.optimizer.step()
        grads = self.net.grads
        for name, weight in self.net.params.items():

            def new(at: Index, name: str = name) -> str | None:
                return worked.update(self.optimizer, old[name][at], grads[name][at])

            yield from calculations(name, weight, new)
