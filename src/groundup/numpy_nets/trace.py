"""One training step written out number by number, so that a person can check it with a pocket calculator."""

from __future__ import annotations

import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import ArrayLike

from groundup.numpy_nets import misuse, worked
from groundup.numpy_nets.arguments import check_loss, check_optimizer, check_pairs
from groundup.numpy_nets.chain import Chain
from groundup.numpy_nets.layer import Array, Layer
from groundup.numpy_nets.losses import Loss, SoftmaxCrossEntropy
from groundup.numpy_nets.optimizers import SGD, Optimizer
from groundup.numpy_nets.targets import as_targets
from groundup.numpy_nets.worked import Index, Pass, number

WIDTH = 110
COLUMNS = 8  # numbers in a line
MOST_WORKED = 16  # numbers of an array whose calculation is written out

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
        yield from _chapter(f"The batch: {len(x)} sample" + ("s" if len(x) > 1 else ""))
        yield from ["", *_array("x", x), *_array("target", y)]
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
        yield from _chapter(f"Forward, layer '{path}': {layer!r}")
        yield from ["", *_prose(type(layer)), ""]
        for name, weight in layer.params.items():
            yield from _array(name, weight)
        yield from _numbers("y", y, partial(worked.output, layer, x))

    def _loss(self, out: Array, target: Array) -> Iterator[str]:
        value = self.loss.forward(out, target)
        entries = self.loss.entries(target, out)
        factor = self.loss.factor(out.shape)
        terms = self.loss.terms(out, entries)
        yield from _chapter(f"Loss: {self.loss!r}")
        yield from ["", *_prose(type(self.loss)), ""]
        yield from _array("t, the target of each output", entries)
        yield from _numbers("term", terms, partial(worked.term, self.loss, out, entries))
        n, k = out.shape
        yield f"  N = {n} and K = {k} outputs: the factor of reduction {self.loss.reduction!r} is {number(factor)}."
        yield from _wrapped(f"L = {number(factor)}·({worked.total((t,) for t in terms.flat)}) = {number(value)}")
        yield from ["", *_chapter("Backward: the loss"), ""]
        yield from [*_prose(self.loss.slopes), f"  Times the factor {number(factor)}.", ""]

        def slope(at: Index) -> str | None:
            text = worked.slope(self.loss, out, entries, at)
            return text and f"{number(factor)}·{text}"

        yield from _numbers("dL/dy", self.loss.backward(), slope)

    def _backward_params(self, path: str, layer: Layer, seen: Pass) -> Iterator[str]:
        yield from _chapter(f"Backward, layer '{path}': {layer!r}")
        yield ""
        if not layer.params:
            return
        yield from [*_prose(layer.backward_params), ""]
        for name, grad in layer.grads.items():
            yield from _numbers(f"dL/d({name})", grad, partial(worked.weight_grad, layer, seen, name))

    def _backward_input(self, layer: Layer, seen: Pass, dx: Array) -> Iterator[str]:
        yield from [*_prose(layer.backward_input), "  It is dL/dy of the layer before.", ""]
        yield from _numbers("dL/dx", dx, partial(worked.input_grad, layer, seen))

    def _update(self) -> Iterator[str]:
        yield from _chapter(f"Update: {type(self.optimizer).__name__} with the learning rate {self.optimizer.lr:g}")
        yield from ["", *_prose(type(self.optimizer)), "", "  The new weights:", ""]
        old = {name: weight.copy() for name, weight in self.net.params.items()}
        self.optimizer.step()
        grads = self.net.grads
        for name, weight in self.net.params.items():

            def new(at: Index, name: str = name) -> str | None:
                return worked.update(self.optimizer, old[name][at], grads[name][at])

            yield from _numbers(name, weight, new)


def _chapter(title: str) -> list[str]:
    return [title, "-" * len(title)]


def _prose(documented: object) -> list[str]:
    """What the docstring says of the equation: all before "Args:" and its like."""
    paragraphs = []
    for paragraph in (inspect.getdoc(documented) or "").split("\n\n"):
        if paragraph.startswith(("Args:", "Attributes:", "Raises:", "Returns:", "How it is computed")):
            break
        paragraphs.append(textwrap.fill(paragraph.replace("`", ""), WIDTH, initial_indent="  ", subsequent_indent="  "))
    return "\n".join(paragraphs).split("\n")


def _numbers(name: str, array: Array, calculation: Callable[[Index], str | None]) -> Iterator[str]:
    """How the first numbers of an array come about; and the array, unless that was all of it."""
    places = list(np.ndindex(array.shape))
    texts = [(at, calculation(at)) for at in places[:MOST_WORKED]]
    for at, text in texts:
        if text is not None:
            shown = number(array[at].item())
            yield from _wrapped(f"{name}[{_index(at)}] = " + (shown if text == shown else f"{text} = {shown}"))
    if any(text is None for _, text in texts):
        yield from _array(name, array)
    elif len(places) > MOST_WORKED:
        yield from [f"  and so on for the other {len(places) - MOST_WORKED}:", "", *_array(name, array)]
    else:
        yield ""


def _array(name: str, array: Array) -> Iterator[str]:
    """All numbers, a row a line, or several lines where it is long; in front the place of the line's first number."""
    rows = []
    for row in np.ndindex(array.shape[:-1]):
        for start in range(0, array.shape[-1], COLUMNS):
            rows.append(
                (f"[{_index((*row, start))}]", [number(v) for v in array[row][start : start + COLUMNS].tolist()])
            )
    place = max(len(at) for at, _ in rows)
    width = max(len(v) for _, numbers in rows for v in numbers)
    yield f"  {name} of shape {array.shape}:"
    for at, numbers in rows:
        yield f"    {at:<{place}}  " + "  ".join(v.rjust(width) for v in numbers)
    yield ""


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="      ", break_long_words=False)


def _index(at: Index) -> str:
    return ",".join(map(str, at))
