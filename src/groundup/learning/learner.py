"""A way of learning: a LightningModule of which a subclass gives one method, the losses of a batch."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn

from groundup.errors import UserError
from groundup.learning.contract import Losses, MakeOptimizer, check_losses
from groundup.learning.losses import check_labels
from groundup.learning.meter import Diverged
from groundup.learning.predictor import Predictor, Validation
from groundup.learning.random_numbers import seed_generators
from groundup.learning.rates import apart, put_shares, set_rates
from groundup.learning.schedules import Schedule
from groundup.learning.torch_schedulers import TorchScheduler, refuse_state_of_objects
from groundup.learning.training_progress import TrainingProgress, steps_of
from groundup.numpy_nets.layer import NotFinite
from groundup.seeds import mix_seed
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)


class Learner(Predictor):
    """A LightningModule that has `training_step`, `configure_optimizers`, `validation_step` and `test_step`.

    A way of learning defines `losses`. This is a complete one, for a YAML with
    `_target_: my_package.Calm`:

        class Calm(Learner):
            def __init__(self, spec, **training):
                super().__init__(MLP(spec.channels, spec.image_size, spec.num_classes), spec, **training)

            def losses(self, images, target):
                logits = self.net(images)
                return Losses(self.loss(logits, target) + 0.01 * logits.square().mean(), logits)

    `Losses` is in `groundup.learning.contract`, and so is `Training`, the type of `training`. The base class takes care
    of metrics, of the shares of a batch between processes, of losses that are not finite, and of checkpoints. You may
    override what is public. A hook of Lightning's, such as `on_train_start`, must call `super()`. The random numbers of
    a training step depend on (seed, step, process) alone, so a resumed run draws the same numbers.

    Args:
        net, spec, loss, seed: see `Predictor`. The seed is also that of training steps.
        optimizer: a function from groups of named parameters to an optimizer.
        lr_schedule: the factor of the learning rate by step, or a scheduler of PyTorch, which then sets the rates.

    Attributes:
        passes: the passes over the training images in an epoch.
        total_steps: the steps of the training. It is 0 until training begins, and so is `steps_per_epoch`.
        rate: the learning rate of the current step.
        progress: how far training is.
        weights_given: the weights of `init_from`, by name. A start from training images does not change them.
        trained: the `train_metrics` of the last epoch that ended.
    """

    passes = 1

    def __init__(
        self,
        net: nn.Module,
        spec: DatasetSpec,
        loss: nn.Module,
        optimizer: MakeOptimizer,
        lr_schedule: Schedule | TorchScheduler,
        seed: int = 0,
    ):
        super().__init__(net, spec, loss, seed)
        self.lr_schedule = lr_schedule
        self.total_steps = self.steps_per_epoch = 0
        self._rates_set: list[Any] = []
        self._rates_told = False
        self.rate = 0.0
        self.progress = TrainingProgress()
        self.weights_given: dict[str, Tensor] = {}
        self.trained: dict[str, float] = {}
        self._make_optimizer = optimizer
        self._base_rates: list[float] = []

    def losses(self, images: Tensor, target: Tensor) -> Losses:
        """The losses of a training batch: normalised images `(N, C, H, W)` and class numbers `(N,)`."""
        raise NotImplementedError(f"{type(self).__name__}.losses(images, target)")

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        images, target = batch
        try:
            given = self.losses(images, target)
        except NotFinite as error:  # a hand-written network looks at its numbers itself
            raise Diverged(str(error), self.trainer.global_step, self.rate) from error
        loss, logits, shown = check_losses(given, type(self).__name__, len(target), self.spec.num_classes)
        place = (self.trainer.global_step, batch_idx)
        if place != self.progress.counted:  # else the optimizer asks for the loss of a batch again, at other weights
            self.progress.counted = place
            self.progress.meter.update(loss if shown is None else shown, logits, target, self.rate)
        if self.trainer.world_size == 1:
            return loss
        # processes' gradients are averaged as if their shares of the batch were equal; weigh each by its true share
        return loss * self.trainer.datamodule.share(batch_idx)  # type: ignore[attr-defined]

    # Optimizer and learning rate

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        """The parameters that learn, in groups that always learn in the same steps."""
        return [[p for p in self.parameters() if p.requires_grad]]

    def rate_shares(self) -> Mapping[nn.Parameter, float]:
        """The shares of the learning rate of those parameters that do not learn at the whole of it."""
        return getattr(self.net, "rate_shares", {})

    def configure_optimizers(self) -> Any:
        names = {parameter: name for name, parameter in self.named_parameters()}
        learning = [[p for p in group if p.requires_grad] for group in self.parameter_groups()]
        shares = self.rate_shares()
        parts = [part for group in learning for part in apart(group, shares)]
        optimizer = self._make_optimizer([{"params": [(names[p], p) for p in part]} for part in parts])
        put_shares(optimizer.param_groups, shares)
        self._base_rates = [group["lr"] for group in optimizer.param_groups]
        if not isinstance(self.lr_schedule, TorchScheduler):
            return optimizer
        scheduler = self.lr_schedule.for_lightning(optimizer)
        refuse_state_of_objects(scheduler["scheduler"])
        return {"optimizer": optimizer, "lr_scheduler": scheduler}

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """What Lightning calls after each step, or each epoch, for a scheduler of PyTorch; it goes on if it is due."""
        schedule = self.lr_schedule
        if not isinstance(schedule, TorchScheduler):  # one that a subclass gives Lightning itself
            super().lr_scheduler_step(scheduler, metric)
        elif schedule.is_due(self.trainer.global_step, self.trainer.current_epoch + 1):
            scheduler.step()

    def judge_plateau(self, split: Literal["train", "val"], metrics: dict[str, float]) -> None:
        """Tells a scheduler of PyTorch that goes by a metric of this split what it has come to.

        Raises:
            UserError: there is no such metric.
        """
        schedule = self.lr_schedule
        if not isinstance(schedule, TorchScheduler) or not schedule.judges(self.trainer.current_epoch, split):
            return
        if schedule.monitor not in metrics:
            raise UserError(f"scheduler.monitor={schedule.monitor}: no such metric; there are {', '.join(metrics)}")
        for config in self.trainer.lr_scheduler_configs:
            config.scheduler.step(metrics[schedule.monitor])  # type: ignore[arg-type]

    def set_rate(self, step: int) -> None:
        """Puts the learning rates of a step into the optimizer, see `rates.set_rates`."""
        groups, schedule = self.trainer.optimizers[0].param_groups, self.lr_schedule
        scheduled = isinstance(schedule, TorchScheduler)
        factor = None if scheduled else schedule(step, self.total_steps, self.steps_per_epoch)  # type: ignore[operator]
        self._tell_of_other_rates(groups)
        set_rates(groups, self._base_rates, factor, step, self.steps_per_epoch)
        self._rates_set[:] = [group["lr"] for group in groups]  # in place: nn.Module is slow to set an attribute
        self.rate = float(groups[0]["lr"]) if factor is None else self._base_rates[0] * factor

    def _tell_of_other_rates(self, groups: Sequence[Mapping[str, Any]]) -> None:
        """Once: what anybody else puts there holds for no step. A scheduler of PyTorch is the one who may."""
        if self._rates_told or isinstance(self.lr_schedule, TorchScheduler) or isinstance(groups[0]["lr"], Tensor):
            return
        rates = [group["lr"] for group in groups]
        if self._rates_set and rates != self._rates_set:
            self._rates_told = True
            log.warning(
                f"a callback or the like has put learning rate {rates[0]:g} into the optimizer: it has no effect, "
                "because the scheduler sets the rate of every step; accepted: a scheduler of your own"
            )

    # The course of a training

    def keep_given(self) -> None:
        """Puts weights that the run was told to begin with back, after a network was begun from its training images."""
        self.load_state_dict(self.weights_given, strict=False)

    def on_train_start(self) -> None:
        self.weights_given = {}
        self.begin(*steps_of(self.trainer))
        self.progress.go_on_within_epoch(self.trainer)

    def begin(self, total_steps: int, steps_per_epoch: int) -> None:
        """Begins to train, or goes on with it; how long training is decides the schedule."""
        self.total_steps, self.steps_per_epoch = total_steps, steps_per_epoch
        if isinstance(self.lr_schedule, TorchScheduler):
            optimizer = self.trainer.optimizers[0]
            self.lr_schedule.refuse_what_ends_early(optimizer, self._base_rates, total_steps, steps_per_epoch)
        self.progress.begin(self.trainer)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        if not isinstance(batch, Tensor):  # else positions of images of our own
            check_labels(batch[1])
        if not self.total_steps:
            raise UserError(f"model: {type(self).__name__}.on_train_start must call super().on_train_start()")
        step = self.trainer.global_step
        self.set_rate(step)
        seed_generators(mix_seed(self.seed, step, batch_idx, self.global_rank), self.device)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        # at the last batch too: a loss that is no number is then said before it is validated
        if self.progress.meter.full or self.trainer.is_last_batch:
            self.log_steps(self.progress.meter.read(self.trainer.global_step))

    def log_steps(self, mean_loss: float) -> None:
        """Logs the mean loss of the steps since the last time, and tells callbacks that have `on_steps_logged`."""
        for logger in self.loggers:
            logger.log_metrics({"train/loss_step": mean_loss, "lr": self.rate}, step=self.trainer.global_step)
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if hook := getattr(callback, "on_steps_logged", None):
                hook(self.trainer, self)

    def train_metrics(self) -> dict[str, float]:
        """`train/loss`, and `train/acc` where steps predict, of the epoch so far, over all processes."""
        return self.progress.metrics(self.trainer)

    def figures(self, metrics: dict[str, float]) -> dict[str, float]:
        """Metrics as results have them: all of them."""
        return metrics

    def on_train_epoch_end(self) -> None:
        metrics = self.end_epoch()
        self.log_exactly(metrics)
        if self.trainer.is_last_batch:  # else the epoch goes on when the run does
            self.judge_plateau("train", metrics)

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        if not self.trainer.sanity_checking:
            self.judge_plateau("val", self.validation.metrics)

    def end_epoch(self) -> dict[str, float]:
        """The epoch's `train_metrics`; those of a new one begin, unless this one has ended before its last batch."""
        self.trained = self.train_metrics()
        self.progress.end_epoch(self.trainer)
        return self.trained

    def on_train_end(self) -> None:
        self.progress.end()

    # Checkpoints hold plain containers and tensors only

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        if self.trainer.state.fn == TrainerFn.FITTING:
            validation = dataclasses.asdict(self.validation)
            checkpoint["progress"] = self.progress.state(self.trainer) | {"validation": validation}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if state := checkpoint.get("progress"):
            self.progress.load(state)
            self.validation = Validation(**state.get("validation", {}))
