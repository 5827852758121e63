"""Private names of Lightning: its training loops from inside, and what it notes while it trains.

Looked at first: the hooks of `Callback` and `LightningModule`, and the public attributes of `Trainer`.
"""

from __future__ import annotations

import subprocess
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, WeightAveraging
from lightning.pytorch.loops.fetchers import _DataFetcher as DataFetcher
from lightning.pytorch.loops.fit_loop import _FitLoop
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.trainer.call import (
    _call_callbacks_load_state_dict,
    _call_callbacks_on_load_checkpoint,
    _call_lightning_module_hook,
)
from lightning.pytorch.trainer.connectors.logger_connector.result import _ResultCollection, _ResultMetric
from torch import Tensor, nn

# Its loops


class FitLoop(_FitLoop):
    """Lightning's loop over epochs, with a public name for what it decides. No hook of a callback decides that."""

    def counts_in_steps(self) -> bool:
        """Whether an epoch that `max_steps` cuts short is over all the same."""
        return super()._iteration_based_training()

    def _iteration_based_training(self) -> bool:
        return self.counts_in_steps()


class TrainingEpochLoop(_TrainingEpochLoop):
    """Lightning's loop over the batches of an epoch, likewise. `Trainer.val_check_interval` sees batches, no ends."""

    def should_validate(self, data_fetcher: DataFetcher) -> bool:
        """Whether the batch that was just trained on is followed by a validation."""
        return super()._should_check_val_fx(data_fetcher)

    def _should_check_val_fx(self, data_fetcher: DataFetcher) -> bool:
        return self.should_validate(data_fetcher)

    def on_save_checkpoint(self) -> dict[str, Any]:
        """What is saved, with one more batch that stepped in a validation: Lightning counts that one after it."""
        state = super().on_save_checkpoint()
        state["_batches_that_stepped"] += self.trainer.validating
        return state


def may_stop_early(trainer: Trainer) -> bool:
    """Whether as much was trained as `min_epochs` and `min_steps` ask for."""
    return trainer.fit_loop._can_stop_early


def is_epoch_trained(trainer: Trainer) -> bool:
    """Whether the last batch of the epoch was begun. The loop's `done` is also true where training stops."""
    return trainer.fit_loop.epoch_loop._num_ready_batches_reached()


def accumulates(trainer: Trainer) -> bool:
    """Whether the batch that was just trained on took no step: its gradients wait for those of others.

    `Trainer.accumulate_grad_batches` is public, but the last batches of an epoch step whatever their number.
    """
    return trainer.fit_loop._should_accumulate()


def fetcher_of(trainer: Trainer) -> DataFetcher | None:
    """What the batches of training come through; None outside of training. Hooks are not given it."""
    return trainer.fit_loop._data_fetcher


# What it notes


def set_batches_that_stepped(trainer: Trainer, number: int) -> None:
    """Notes, for the axis of loggers, how many batches have taken a step; `Trainer.global_step` is read only."""
    trainer.fit_loop.epoch_loop._batches_that_stepped = number


def load_callbacks(trainer: Trainer, checkpoint: dict[str, Any]) -> None:
    """Gives callbacks what a checkpoint holds of them; in public that comes with `Trainer.fit` alone."""
    _call_callbacks_on_load_checkpoint(trainer, checkpoint)
    _call_callbacks_load_state_dict(trainer, checkpoint)


def averaged(callback: WeightAveraging) -> nn.Module | None:
    """The module whose weights are the running mean of the one that is trained; None before training."""
    average = callback._average_model
    return None if average is None else average.module


# What a module has logged. `Trainer.callback_metrics` mixes training and validation, this epoch's and those before.


def logged_in_training(trainer: Trainer) -> dict[str, float]:
    """What was logged of the epoch of training that goes on or ends, as one figure of the epoch each."""
    return _of_epoch(trainer.fit_loop.epoch_loop._results)


def logged_in_validation(trainer: Trainer) -> dict[str, float]:
    """What was logged of the validation that just ended; to be asked in `on_validation_end`."""
    return _of_epoch(trainer.fit_loop.epoch_loop.val_loop._results)


def logged_in_test(trainer: Trainer) -> dict[str, float]:
    """What was logged of the test that just ended; to be asked in `on_test_end`."""
    return _of_epoch(trainer.test_loop._results)


def logged_for_steps_alone(trainer: Trainer) -> list[str]:
    """The names that were logged in training without a figure of the epoch, `on_epoch=False`."""
    results = trainer.fit_loop.epoch_loop._results
    return [entry.meta.name for entry in results.values() if not entry.meta.on_epoch]


def _of_epoch(results: _ResultCollection) -> dict[str, float]:
    before, found = results.dataloader_idx, dict[str, Tensor]()
    for number in dict.fromkeys(entry.meta.dataloader_idx for entry in results.values()):
        results.dataloader_idx = number
        found |= results.metrics(on_step=False)["callback"]
    results.dataloader_idx = before
    doubled = {f"{entry.meta.name}_epoch" for entry in results.values() if entry.meta.forked}  # under both names
    return {name: float(value) for name, value in found.items() if name not in doubled}


def epoch_sums(trainer: Trainer) -> dict[str, list[Tensor]]:
    """What the figures of an epoch that goes on are made of, by Lightning's key: plain tensors, for a checkpoint.

    A module's own metrics, objects of torchmetrics, are not among them.
    """
    entries = trainer.fit_loop.epoch_loop._results.items()
    return {key: _sums(entry) for key, entry in entries if entry.meta.on_epoch and entry.is_tensor}


def add_epoch_sums(trainer: Trainer, before: dict[str, list[Tensor]]) -> None:
    """Adds what an earlier part of the run has come to in this epoch; what is added is taken out of `before`."""
    results = trainer.fit_loop.epoch_loop._results
    for key in [key for key in before if key in results and not results[key].has_reset]:
        entry, (value, *count) = results[key], (tensor.to(results[key].value.device) for tensor in before.pop(key))
        entry.value = entry.meta.reduce_fx(value, entry.value) if _is_extreme(entry) else value + entry.value
        if count:
            entry.cumulated_batch_size = count[0] + entry.cumulated_batch_size
        entry._computed = None


def _is_extreme(entry: _ResultMetric) -> bool:
    return entry.meta.is_max_reduction or entry.meta.is_min_reduction


def _sums(entry: _ResultMetric) -> list[Tensor]:
    return [entry.value.clone(), *([entry.cumulated_batch_size.clone()] if entry.meta.is_mean_reduction else [])]


def end_batch(trainer: Trainer, outputs: Any, batch: Any, batch_idx: int) -> None:
    """Calls the hook of the module that ends a batch, which Lightning calls after those of callbacks."""
    _call_lightning_module_hook(trainer, "on_train_batch_end", outputs, batch, batch_idx)


# What it was given, and keeps for itself


def detects_anomalies(trainer: Trainer) -> bool:
    """What `Trainer(detect_anomaly=...)` was given."""
    return trainer._detect_anomaly


def train_time_interval(checkpoint: ModelCheckpoint) -> Any:
    """What `ModelCheckpoint(train_time_interval=...)` was given."""
    return checkpoint._train_time_interval


# Its processes

HELPERS_LOGS = "train_ddp_process_*.log"  # one a process, in the run directory


def started_processes(trainer: Trainer) -> list[subprocess.Popen]:
    """The processes that this one has started to train along: Lightning's own list, which it watches.

    Empty where there are none. `Strategy.launcher` is public, what it launched is not.
    """
    return getattr(trainer.strategy.launcher, "procs", [])


# The logs that it speaks through. `Trainer` has arguments that hide its bar and its summary, and none for the rest.

LOGS = ("lightning.pytorch", "lightning.fabric")
CALLBACKS_LOG = "lightning.pytorch.callbacks"
PROFILERS_LOG = "lightning.pytorch.profilers"
RANK_ZERO_LOG = "lightning.pytorch.utilities.rank_zero"  # all of its parts speak through this one too
