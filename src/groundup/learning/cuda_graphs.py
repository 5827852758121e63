"""A step taken many times from memory that stays where it is: captured once, replayed by one launch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Generator, Tensor, nn

from groundup.errors import UserError

Result = tuple[Tensor, Tensor]  # loss and number of hits of a batch, scalars


class Graphs(Protocol):
    """What captures functions on one kind of device.

    A function takes no arguments and computes on the device alone: the same operations every time, from the same
    memory, with random numbers of `generator`.

    Attributes:
        device_type: where it works.
        warm_ups: how often a function must have run before it is captured, at least once.
        generator: whose random numbers follow from its seed in a replay too.
    """

    device_type: str
    warm_ups: int
    generator: Generator

    def __init__(self, device: torch.device): ...

    def warm_up(self, function: Callable[[], Result]) -> Result:
        """Runs a function as it is."""

    def capture(self, function: Callable[[], Result]) -> Callable[[], Result]:
        """What does a function's work again and puts its results where they were put before. Does none of it yet."""


class CudaGraphs:
    """CUDA graphs: all kernels of a function become one launch. As `Graphs`.

    Source: "CUDA semantics" in PyTorch's documentation, on whole-network capture: functions run three times on a side
    stream before they are captured there, as libraries allocate and choose algorithms in their first runs. All graphs
    share one pool of memory, as none runs beside another and none reads what another one left.
    """

    device_type = "cuda"
    warm_ups = 3

    def __init__(self, device: torch.device):
        self.generator = torch.cuda.default_generators[device.index or 0]
        self._stream = torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    def warm_up(self, function: Callable[[], Result]) -> Result:
        current = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            result = function()
        current.wait_stream(self._stream)
        return result

    def capture(self, function: Callable[[], Result]) -> Callable[[], Result]:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                result = function()
        except RuntimeError as error:  # what the device was doing is lost: the run cannot go on the ordinary way
            raise UserError(
                f"trainer.capture=true: this step cannot be captured: {str(error).splitlines()[0]}; accepted: false"
            ) from error

        def replay() -> Result:
            graph.replay()
            return result

        return replay


class CapturedStep:
    """A training step for batches of one shape.

    Its first runs, before it is captured, are steps of the training like all others: nothing has to be undone, and the
    optimizer's state is what the first step makes of it.

    Args:
        learn: takes a step on the images at these positions `(n,)`.
        positions: of a batch of the shape.
        parameters: that get gradients.
        graphs: what captures the step.
    """

    def __init__(
        self,
        learn: Callable[[Tensor], Result],
        positions: Tensor,
        parameters: Sequence[nn.Parameter],
        graphs: Graphs,
    ):
        self._positions = positions.clone()
        self._learn = learn
        self._parameters, self._graphs = parameters, graphs
        self._warm_ups = graphs.warm_ups
        self._replay: Callable[[], Result] | None = None
        self._grads: list[Tensor | None] = []

    def __call__(self, positions: Tensor) -> Result:
        """Takes the step. What it returns is overwritten by the next one."""
        self._positions.copy_(positions)
        if self._replay is None:
            if self._warm_ups > 0:
                self._warm_ups -= 1
                return self._graphs.warm_up(self._run)
            self._replay = self._graphs.capture(self._run)
            self._grads = [parameter.grad for parameter in self._parameters]  # kept: a replay writes there
        return self._replay()

    def _run(self) -> Result:
        return self._learn(self._positions)

    def show_gradients(self) -> None:
        """Makes the gradients of the last run the parameters' own: a replay leaves `grad` alone, another step does not.

        They are valid until the next step.
        """
        for parameter, grad in zip(self._parameters, self._grads, strict=False):  # none before it is captured
            parameter.grad = grad
