"""What every way of learning shares: metrics, learning rate, per-step randomness, what a checkpoint holds."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn

from groundup.errors import UserError
from groundup.learning import tta
from groundup.learning.losses import check_labels
from groundup.learning.meter import TrainMeter
from groundup.learning.metrics import EvaluationMeter, hits, recalls, share
from groundup.learning.schedules import Schedule, falling
from groundup.seeds import mix_seed
from groundup.spec import DatasetSpec

PROGRESS = {"batch", "batch_size", "sums", "seconds", "samples"}  # what a checkpoint knows of an epoch under way

MakeOptimizer = Callable[[Iterable[dict[str, list[tuple[str, nn.Parameter]]]]], torch.optim.Optimizer]

_INFERENCE = 1 << 40  # no step of a training comes to it


@dataclasses.dataclass(frozen=True)
class Validation:
    """What a validation has come to, after which step of which epoch."""

    epoch: int = -1
    step: int = -1
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)


class Learner(LightningModule):
    """Base of all LightningModules here. A subclass gives `training_step`, and `predict_logits` if it needs its own.

    Every random number drawn in a training step follows from (seed, step, process), so a run that was stopped and
    resumed anywhere draws what the uninterrupted one would have drawn.

    Args:
        net: images `(N, C, H, W)` in, logits `(N, K)` out.
        spec: the data set; stored in checkpoints, so that a prediction needs no data set.
        loss: `(logits (N, K), target (N,)) -> mean loss`.
        optimizer: from groups of named parameters to optimizer.
        lr_schedule: factor of the learning rate by step.
        seed: of the randomness inside training steps, and of what is drawn at inference.

    Attributes:
        passes: over the training images that make up an epoch.
        draw: where inference draws random numbers, which of its draws.
    """

    passes = 1

    def __init__(
        self,
        net: nn.Module,
        spec: DatasetSpec,
        loss: nn.Module,
        optimizer: MakeOptimizer,
        lr_schedule: Schedule,
        seed: int = 0,
    ):
        super().__init__()
        self.net = net
        self.spec, self.loss, self.lr_schedule, self.seed = spec, loss, lr_schedule, seed
        self._make_optimizer = optimizer
        self._base_rates: list[float] = []
        self.total_steps = self.steps_per_epoch = 0  # until training begins
        self.rate = 0.0  # learning rate of the current step
        self.per_class: list[float] = []  # accuracy of every class in the last evaluation, NaN where it had no images
        self.confusion: list[list[int]] = []  # of the last test: a row for each true class, a column for each predicted
        self._validation = Validation()  # the last one
        self.meter = TrainMeter(1)
        self._epochs_samples = 0
        self._sums_before = [0.0, 0.0, 0.0]  # loss, hits, images of this epoch, before the run was stopped
        self._seconds_before, self._started = 0.0, 0.0
        self._resumed: dict[str, Any] | None = None
        self.evaluation = EvaluationMeter(spec.num_classes, self.device)
        self._hits_tta: Tensor | None = None  # of the views of the test images, where there are several
        self.draw = 0
        self._inference: torch.Generator | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        # Lightning notes the running hook in the module, some 40 times a step, and nn.Module's way of setting an
        # attribute, which looks for parameters and buffers, makes that cost more than a tenth of a small net's step.
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def predict_logits(self, images: Tensor) -> Tensor:
        """Class scores of normalised images, `(N, C, H, W)` to `(N, K)`."""
        return self.net(images, self.inference_draws) if self.draws_at_inference else self.net(images)

    @property
    def draws_at_inference(self) -> bool:
        """Whether a prediction depends on random numbers: then the network takes a generator too."""
        return getattr(self.net, "draws_at_inference", False)

    @property
    def inference_draws(self) -> torch.Generator:
        """Where inference takes its random numbers from; every evaluation, and every `draw`, begins anew."""
        if self._inference is None:
            self._inference = torch.Generator(self.device).manual_seed(mix_seed(self.seed, _INFERENCE, self.draw))
        return self._inference

    def forward(self, images: Tensor) -> Tensor:
        return self.predict_logits(images)

    def probabilities(self, logits: Tensor) -> Tensor:
        """What class scores mean under the loss that they were trained with, as numbers of 0..1: `(N, K)`, as logits.

        A loss that does not say so, one that is not ours, is taken for a cross-entropy.
        """
        convert = getattr(self.loss, "probabilities", None)
        return convert(logits) if convert else logits.softmax(dim=1)

    # Optimizer and learning rate

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        """What learns, in groups of parameters that always learn in the same steps."""
        return [[p for p in self.parameters() if p.requires_grad]]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        names = {parameter: name for name, parameter in self.named_parameters()}
        groups = [{"params": [(names[p], p) for p in group]} for group in self.parameter_groups()]
        optimizer = self._make_optimizer(groups)
        self._base_rates = [group["lr"] for group in optimizer.param_groups]
        return optimizer

    @property
    def train_seconds(self) -> float:
        """Wall time since training started, validation included, over all parts of a resumed run."""
        return self._seconds_before + (time.perf_counter() - self._started if self._started else 0.0)

    @property
    def samples_seen(self) -> int:
        """Training images so far, over all processes and all parts of a resumed run."""
        return self._epochs_samples + int(self._sums_before[2]) + self.meter.count * self.trainer.world_size

    @property
    def _order(self) -> Any:
        """The training loader's `EpochOrder`."""
        loader: Any = self.trainer.train_dataloader
        return loader.sampler

    def on_train_start(self) -> None:
        batches = int(self.trainer.num_training_batches)
        steps_per_epoch = max(1, -(-batches // self.trainer.accumulate_grad_batches))
        total_steps = int(self.trainer.estimated_stepping_batches)
        if (least := self.trainer.min_steps or 0) > total_steps:
            raise UserError(f"trainer.min_steps={least}: this training has {total_steps}; accepted: at most as many")
        self.begin(total_steps, steps_per_epoch)
        if self._resumed is not None:
            self._order.set_epoch(self.trainer.current_epoch)
            self._order.start = self._resumed["batch"]

    def begin(self, total_steps: int, steps_per_epoch: int) -> None:
        """Starts the clock of training, and goes on with its sums; how long training is decides the schedule."""
        self._started = time.perf_counter()
        self.total_steps, self.steps_per_epoch = total_steps, steps_per_epoch
        self.meter = TrainMeter(self.trainer.log_every_n_steps, self.device)  # type: ignore[attr-defined]
        if self._resumed is not None:
            loss, *counts = self._resumed["sums"]
            self._sums_before = [0.0, *counts]
            self.meter.loss_sum = loss if self.global_rank == 0 else 0.0  # added to: a sum depends on its order

    def on_train_end(self) -> None:
        self._seconds_before, self._started = self.train_seconds, 0.0

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        if not isinstance(batch, Tensor):  # else positions of images of our own
            check_labels(batch[1])
        step = self.trainer.global_step
        self.set_rate(step)
        # the generators themselves: torch.manual_seed looks through every kind of device, each time
        draw = mix_seed(self.seed, step, batch_idx, self.global_rank)
        torch.default_generator.manual_seed(draw)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(draw)
        elif self.device.type == "mps":
            torch.mps.manual_seed(draw)

    def set_rate(self, step: int) -> None:
        """Puts the learning rates of a step into the optimizer.

        A group that holds `epochs` does not follow the schedule: its rate falls on a straight line to zero over these.
        """
        # no torch scheduler: the rate is a pure function of the step, so it needs no state and no hook
        factor = self.lr_schedule(step, self.total_steps, self.steps_per_epoch)
        for group, base in zip(self.trainer.optimizers[0].param_groups, self._base_rates, strict=True):
            epochs = group.get("epochs")
            rate = base * (factor if epochs is None else falling(step, epochs, self.steps_per_epoch))
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)  # a captured step reads it there
            else:
                group["lr"] = rate
        self.rate = self._base_rates[0] * factor

    # Training metrics

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        # at the last batch too: a loss that is no number is then said before it is validated
        if not (self.meter.full or self.trainer.is_last_batch):
            return
        self.log_steps(self.meter.read(self.trainer.global_step))

    def log_steps(self, mean_loss: float) -> None:
        """Logs the mean loss of the steps since the last time, and tells callbacks that have `on_steps_logged`."""
        for logger in self.loggers:
            logger.log_metrics({"train/loss_step": mean_loss, "lr": self.rate}, step=self.trainer.global_step)
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if hook := getattr(callback, "on_steps_logged", None):
                hook(self.trainer, self)

    def train_metrics(self) -> dict[str, float]:
        """`train/loss` and `train/acc` of the epoch so far, over all processes, as seen while training."""
        loss_sum, hits, count = self._epoch_sums()
        if count == 0:
            return {}
        return {"train/loss": loss_sum / count, "train/acc": hits / count}

    @property
    def val_metrics(self) -> dict[str, float]:
        """`val/loss`, `val/acc` and so on of this epoch's last validation; empty where it was not validated.

        Lightning's `callback_metrics` keeps those of an earlier epoch, and forgets them when a run is resumed.
        """
        return self._validation.metrics if self._validation.epoch == self.trainer.current_epoch else {}

    @property
    def val_metrics_now(self) -> dict[str, float]:
        """Those of the weights as they are; empty where a step was taken since the last validation."""
        return self._validation.metrics if self._validation.step == self.trainer.global_step else {}

    def _epoch_sums(self) -> list[float]:
        """Loss, hits and images of the epoch so far, over all processes and parts of a resumed run."""
        self.meter.read(self.trainer.global_step)
        sums = [self.meter.loss_sum, float(self.meter.hits), float(self.meter.count)]
        if self.trainer.world_size > 1:
            own = torch.tensor(sums, dtype=torch.float64, device=self.device)
            sums = self.trainer.strategy.reduce(own, reduce_op="sum").tolist()
        return [before + now for before, now in zip(self._sums_before, sums, strict=True)]

    def on_train_epoch_end(self) -> None:
        self._log_exactly(self.end_epoch())

    def end_epoch(self) -> dict[str, float]:
        """The epoch's `train_metrics`; those of a new one begin, unless this one has ended before its last batch."""
        metrics = self.train_metrics()
        if not self.trainer.is_last_batch:
            return metrics
        self._epochs_samples += int(self._epoch_sums()[2])
        self._sums_before = [0.0, 0.0, 0.0]
        self.meter.reset()
        return metrics

    # Evaluation, the same for the validation and the test split

    def on_validation_epoch_start(self) -> None:
        self._reset_evaluation()

    def on_test_epoch_start(self) -> None:
        self._reset_evaluation()

    def _reset_evaluation(self) -> None:
        self._inference = None
        self.evaluation = EvaluationMeter(self.spec.num_classes, self.device)
        self._hits_tta = None

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Gives the logits `(N, K)` of a batch, which callbacks get to see."""
        images, target = batch
        return self.take(self(images).float(), target)

    def take(self, logits: Tensor, target: Tensor) -> Tensor:
        """Takes in class scores (N, K) of images that are evaluated, and their classes (N,); gives the scores back."""
        check_labels(target)
        self.evaluation.update(self.loss(logits, target), logits, target)
        return logits

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        logits = self.validation_step(batch, batch_idx)
        views = getattr(self.trainer.datamodule, "tta", "none")  # type: ignore[attr-defined]  # a foreign one has none
        if views != "none":
            found = hits(tta.VIEWS[views](self, batch[0]), batch[1])
            self._hits_tta = found if self._hits_tta is None else self._hits_tta + found
        return logits

    def on_validation_epoch_end(self) -> None:
        self._log_exactly(self.evaluated("val"))

    def on_test_epoch_end(self) -> None:
        self._log_exactly(self.evaluated("test"))

    def evaluated(self, split: str) -> dict[str, float]:
        """The metrics of all images since the evaluation began, `val/acc` and so on."""
        found = self.evaluation.read(self.sum_over_processes)
        self.per_class = recalls(found.confusion)
        metrics = found.metrics | self.further_metrics()
        if split == "test":
            self.confusion = found.confusion.tolist()
            if self._hits_tta is not None:
                metrics["acc_tta"] = share(int(self.sum_over_processes(self._hits_tta)), found.images)
        named = {f"{split}/{name}": value for name, value in metrics.items()}
        if split == "val" and not self.trainer.sanity_checking:
            self._validation = Validation(self.trainer.current_epoch, self.trainer.global_step, named)
        return named

    def further_metrics(self) -> dict[str, float]:
        """What a way of learning measures of the images evaluated, beside what all do; by name."""
        return {}

    def sum_over_processes(self, tensor: Tensor) -> Tensor:
        """A tensor of this process added to those of the others."""
        return self.trainer.strategy.reduce(tensor.clone(), reduce_op="sum")  # type: ignore[return-value]

    def _log_exactly(self, metrics: dict[str, float]) -> None:
        """Logs figures as they are: Lightning rounds a float to single precision, 0.011 to 0.010999999940395355."""
        self.log_dict({name: torch.tensor(value, dtype=torch.float64) for name, value in metrics.items()})

    # Checkpoints hold plain containers and tensors only

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["spec"] = self.spec.plain()
        if self.trainer.state.fn == TrainerFn.FITTING:
            batches = self.trainer.fit_loop.epoch_loop.batch_progress
            checkpoint["progress"] = {
                "batch": 0 if batches.is_last_batch else batches.current.ready,  # to go on with, in its epoch
                "batch_size": self.trainer.datamodule.batch_size,  # type: ignore[attr-defined]
                "sums": self._epoch_sums(),
                "seconds": self.train_seconds,
                "samples": self._epochs_samples,
                "validation": dataclasses.asdict(self._validation),
            }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if "progress" in checkpoint:
            self._resumed = checkpoint["progress"]
            self._seconds_before, self._epochs_samples = self._resumed["seconds"], self._resumed["samples"]
            self._validation = Validation(**self._resumed.get("validation", {}))
