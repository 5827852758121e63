"""Learning by back-propagation, in steps that the device takes without the host."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from groundup.data.progressive import resize
from groundup.learning.capturable import as_built, prepare, why_not
from groundup.learning.classifier import Classifier
from groundup.learning.contract import Training
from groundup.learning.cuda_graphs import CapturedStep, CudaGraphs, Graphs, Result
from groundup.learning.metrics import hits
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)

MAX_SHAPES = 16  # captured: each holds memory


class CapturedClassifier(Classifier):
    """A `Classifier` whose whole step is captured: images are picked and augmented, weights learn, in one launch.

    Lightning's loop gets positions of images instead of images, and leaves optimization to the step. What a step does
    must follow from its shape, (images, pixels a side), alone: whatever else Python decides in it is decided once.
    Where steps cannot be captured it says why and trains as a `Classifier`.

    Augmentation draws from the step's own random numbers, so that images are shown otherwise than without capture, and
    a run that is resumed sees what the uninterrupted one would have seen.

    Experimental until a GPU has run it: tests hold it, by graphs for the CPU, against loops written by hand.

    Args:
        net, spec, training: see `Learner`.
        graphs: what captures steps.
    """

    def __init__(
        self,
        net: nn.Module,
        spec: DatasetSpec,
        *,
        graphs: Callable[[torch.device], Graphs] = CudaGraphs,
        **training: Unpack[Training],
    ):
        super().__init__(net, spec, **training)
        self._make_graphs = graphs
        self._graphs: Graphs | None = None  # None: trains as a Classifier
        self._steps: dict[tuple[int, int | None], CapturedStep] = {}
        self._told = False

    def on_fit_start(self) -> None:
        super().on_fit_start()
        reason = why_not(self.trainer, self.net, self._make_graphs.device_type)  # type: ignore[attr-defined]
        if reason is not None:
            log.info(not_captured(reason))  # no warning: recipes ask for it, and in a sweep every job would say so
            return
        self._graphs = self._make_graphs(self.trainer.strategy.root_device)
        self.trainer.datamodule.positions = True  # type: ignore[attr-defined]
        log.info(
            f"steps are captured, after {self._graphs.warm_ups} as they are for each shape of batch; experimental: not "
            "yet tested on any GPU"
        )

    def on_train_start(self) -> None:
        super().on_train_start()
        if self._graphs is None:
            return
        prepare(self.trainer.optimizers[0], self.device)  # not before: a checkpoint brings its own groups
        loops = self.trainer.fit_loop.epoch_loop
        total = loops.manual_optimization.optim_step_progress.total
        total.ready = total.completed = loops.global_step  # of a run resumed too, however it was trained
        self.automatic_optimization = False

    def on_train_end(self) -> None:
        super().on_train_end()
        self._steps.clear()
        self.automatic_optimization = True

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        if self._graphs is None:
            return super().training_step(batch, batch_idx)
        step = self._step_for(batch, self._graphs)
        loss, right = step(batch)
        self.progress.meter.note(loss, right, len(batch), self.rate)
        self._count_step()
        if self.progress.meter.full or self.trainer.is_last_batch:
            self._show(step)
        return loss

    def _step_for(self, positions: Tensor, graphs: Graphs) -> CapturedStep:
        size = self.trainer.datamodule.shown_size()  # type: ignore[attr-defined]
        shape = (len(positions), size)
        if shape in self._steps:
            return self._steps[shape]
        parameters = [parameter for parameter in self.parameters() if parameter.requires_grad]
        step = CapturedStep(partial(self._learn, graphs, size), positions, parameters, graphs)
        if len(self._steps) < MAX_SHAPES:
            self._steps[shape] = step
        elif not self._told:  # a step that is not kept is never run often enough to be captured
            self._told = True
            log.warning(not_captured(f"of more than {MAX_SHAPES} shapes of batches, the further ones"))
        return step

    def _learn(self, graphs: Graphs, size: int | None, positions: Tensor) -> Result:
        """Takes a step on the images at these positions `(n,)`, shown at `size`; nothing in it waits for the device."""
        loader: Any = self.trainer.train_dataloader
        precision, optimizer = self.trainer.precision_plugin, self.trainer.optimizers[0]
        with _outside_forward(graphs.device_type):
            images, target = loader.make(positions, graphs.generator)
            images = precision.convert_input(images if size is None else resize(images, size))
            optimizer.zero_grad()
            with precision.forward_context():
                loss, logits, _ = self.losses(images, target)
            assert logits is not None, "a classifier predicts"
            loss.backward()
            optimizer.step()
            return loss.detach(), hits(logits.detach(), target)

    def _count_step(self) -> None:
        """Counts an optimizer step in both of Lightning's ways, so that a run may be resumed in either."""
        loops = self.trainer.fit_loop.epoch_loop
        for progress in (
            loops.manual_optimization.optim_step_progress,
            loops.automatic_optimization.optim_progress.optimizer.step,
        ):
            progress.increment_ready()
            progress.increment_completed()

    def _show(self, step: CapturedStep) -> None:
        """Shows callbacks the gradients of a step, the weights having learnt from them already."""
        step.show_gradients()
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if callback.on_before_optimizer_step is not None:
                callback.on_before_optimizer_step(self.trainer, self, self.trainer.optimizers[0])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        if self._graphs is not None:
            for state, optimizer in zip(checkpoint["optimizer_states"], self.trainer.optimizers, strict=True):
                as_built(state, optimizer)


def not_captured(reason: str) -> str:
    """What is said where `trainer.capture` was asked for and cannot be."""
    return f"trainer.capture=true, not captured: {reason}"


@contextmanager
def _outside_forward(device_type: str) -> Iterator[None]:
    """Undoes, for a while, what Lightning's precisions do around the whole of a manual step: forward alone wants it."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.autocast(device_type, enabled=False):
            yield
    finally:
        torch.set_default_dtype(default)
