"""Callbacks for parts of somebody else's: what they draw, from whatever generator, and what they log of an epoch."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from groundup.borrowed.lightning import add_epoch_sums, epoch_sums
from groundup.learning.predictor import Predictor
from groundup.learning.random_numbers import INFERENCE, seed_all
from groundup.learning.training_progress import next_batch
from groundup.seeds import mix_seed

LOGGED = "logged"  # in a checkpoint
_BETWEEN = 1 << 41  # what is drawn between two steps, while a batch is made and brought to the device


class SeededEvaluation(Callback):
    """Seeds what is drawn while a module is validated and tested: each time alike.

    Args:
        seed: of the run.
    """

    def __init__(self, seed: int):
        self.seed = seed

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        draw = pl_module.draw if isinstance(pl_module, Predictor) else 0
        seed_all(mix_seed(self.seed, INFERENCE, draw), trainer.strategy.root_device)

    on_test_start = on_validation_start


class Continued(SeededEvaluation):
    """What somebody else's parts of a run draw and log is, after a stop, as if there had been none.

    Every step is seeded, and what is drawn before it. What has been logged of an epoch goes on. It comes before all
    other callbacks, so that what they draw in a step follows from its seed.
    """

    def __init__(self, seed: int):
        super().__init__(seed)
        self._logged: dict[str, list[Tensor]] = {}  # sums of an epoch that a resumed run goes on with

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._seed_next_batch(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._seed_next_batch(trainer)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._add_logged(trainer)
        numbers = (self.seed, trainer.global_step, batch_idx, trainer.global_rank)  # as `Learner` seeds torch's
        seed_all(mix_seed(*numbers), pl_module.device)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._add_logged(trainer)
        self._seed_next_batch(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == TrainerFn.FITTING:
            self._seed_next_batch(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._add_logged(trainer)
        self._logged = {}

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.state.fn == TrainerFn.FITTING and next_batch(trainer):
            checkpoint[LOGGED] = self._logged | epoch_sums(trainer)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._logged = dict(checkpoint.get(LOGGED, {}))

    def _add_logged(self, trainer: Trainer) -> None:
        if self._logged:
            add_epoch_sums(trainer, self._logged)

    def _seed_next_batch(self, trainer: Trainer) -> None:
        numbers = (self.seed, _BETWEEN, trainer.global_step, next_batch(trainer), trainer.global_rank)
        seed_all(mix_seed(*numbers), trainer.strategy.root_device)
