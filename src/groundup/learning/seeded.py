"""Callbacks that seed what parts of somebody else's draw, from torch's, NumPy's or Python's generators."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from groundup.learning.predictor import Predictor
from groundup.learning.random_numbers import INFERENCE, seed_all
from groundup.learning.training_progress import next_batch
from groundup.seeds import mix_seed

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


class SeededTraining(SeededEvaluation):
    """Seeds every step and what is drawn before it, too: a run that goes on draws what one that never stopped does.

    It comes before all other callbacks, so that what they draw in a step follows from its seed.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._seed_next_batch(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._seed_next_batch(trainer)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        numbers = (self.seed, trainer.global_step, batch_idx, trainer.global_rank)  # as `Learner` seeds torch's
        seed_all(mix_seed(*numbers), pl_module.device)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._seed_next_batch(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == TrainerFn.FITTING:
            self._seed_next_batch(trainer)

    def _seed_next_batch(self, trainer: Trainer) -> None:
        numbers = (self.seed, _BETWEEN, trainer.global_step, next_batch(trainer), trainer.global_rank)
        seed_all(mix_seed(*numbers), trainer.strategy.root_device)
