"""The learning-rate range test, watched and written down."""

from __future__ import annotations

import logging
from pathlib import Path
from statistics import fmean
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from groundup.callbacks.watcher import write_picture
from groundup.errors import UserError
from groundup.files import whole, write_csv
from groundup.learning.learner import Learner
from groundup.learning.range_test import RangeTest, Rising
from groundup.learning.schedules import Constant
from groundup.pictures.curve import draw_rates
from groundup.rundir.names import RANGE_CURVE, RANGE_PICTURE

log = logging.getLogger(__name__)

TAG = "lr_range"


class LRRange(Callback):
    """Has the learning rate rise exponentially in place of its schedule, and stops once the loss diverges.

    The loss of each step is read at once, which waits for the device: it is no training.

    Args:
        start: the rate of the first step.
        end: of the last one.

    Attributes:
        test: what was found.
    """

    def __init__(self, start: float = 1e-6, end: float = 10.0):
        if not 0 < start < end:
            raise UserError(f"callbacks.lr_range.start={start}: accepted: above 0 and less than end, {end}")
        self.start, self.end = start, end
        self.test = RangeTest()
        self._losses: list[float] = []  # of the batches of a step
        self._step = 0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if not isinstance(pl_module, Learner):
            raise UserError(
                f"debug=lr_range with model={type(pl_module).__name__}: a LightningModule sets its own learning rates; "
                "accepted: a network, or a Learner"
            )
        pl_module.lr_schedule = Constant()  # before optimizers are made, with which PyTorch's schedulers come

    def on_train_start(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        base = float(trainer.optimizers[0].param_groups[0]["lr"])
        pl_module.lr_schedule = Rising(self.start / base, self.end / base)

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: Trainer, pl_module: Learner, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        mean = float(trainer.strategy.reduce(loss.detach().clone(), reduce_op="mean"))  # type: ignore[arg-type]
        self._losses.append(mean * trainer.accumulate_grad_batches)  # by which Lightning has divided it
        if trainer.global_step == self._step:
            return
        self.test.add(pl_module.rate, fmean(self._losses))
        self._losses, self._step = [], trainer.global_step
        if self.test.has_diverged:
            trainer.should_stop = True

    def conclude(self, trainer: Trainer) -> float | None:
        """Writes the curve, and says and gives the suggested rate; None where there is none."""
        test, rate = self.test, self.test.suggestion()
        if trainer.is_global_zero and test.rates:
            run_dir = Path(trainer.default_root_dir)
            rows = zip(test.rates, test.losses, test.smoothed, strict=True)
            numbered = [[step, *row] for step, row in enumerate(rows)]
            write_csv(run_dir / RANGE_CURVE, [["step", "lr", "loss", "smoothed"], *numbered])
            picture = draw_rates(test.rates, test.losses, test.smoothed, rate)
            with whole(run_dir / RANGE_PICTURE) as file:
                picture.save(file, "PNG")
            write_picture(trainer, TAG, picture, 0)
        if rate is None:
            log.warning("range test: the loss did not fall at any rate; see optimizer, model and data")
        else:
            log.info(f"range test: suggested optimizer.lr={rate:.2g}, from {len(test.rates)} steps")
        return rate
