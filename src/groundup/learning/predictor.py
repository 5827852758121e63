"""A network that is validated, tested and predicted with."""

from __future__ import annotations

import dataclasses
import logging
from functools import partial
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Generator, Tensor, nn

from groundup.learning import tta
from groundup.learning.answers import OF_ANSWERS, Answered, Answers
from groundup.learning.losses import check_labels
from groundup.learning.metrics import Evaluated, EvaluationMeter
from groundup.learning.random_numbers import inference_generator
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)

FIGURES = {
    *("train/loss", "train/acc"),
    *(f"{split}/{name}" for split in ("val", "test") for name in ("acc", "f1", "top5", "loss", "acc_tta")),
    *(f"test/{name}" for name in OF_ANSWERS),
}


@dataclasses.dataclass(frozen=True)
class Validation:
    """What a validation has come to, after which step of which epoch."""

    epoch: int = -1
    step: int = -1
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)


class Predictor(LightningModule):
    """A LightningModule as far as it predicts: `forward`, `validation_step`, `test_step`. `Learner` is one that trains.

    Args:
        net: images `(N, C, H, W)` in, logits `(N, K)` out.
        spec: the data set; stored in checkpoints, so that a prediction needs no data set.
        loss: `(logits (N, K), target (N,)) -> mean loss`.
        seed: of what is drawn at inference.

    Attributes:
        draw: where inference draws random numbers, which of its draws.
        evaluated: what the last validation or test has come to.
        validation: the last one.
        validation_answers: those of the last one; none before it, and of a run that goes on.
        test_answers: those of the last test.
    """

    evaluated: Evaluated

    def __init__(self, net: nn.Module, spec: DatasetSpec, loss: nn.Module, seed: int = 0):
        super().__init__()
        self.net = net
        self.spec, self.loss, self.seed = spec, loss, seed
        self.draw = 0
        self.validation = Validation()
        self.validation_answers = Answers()
        self.test_answers: Answered | None = None
        self._meter = EvaluationMeter(spec.num_classes, self.device)
        self._inference: Generator | None = None
        self._logs_figures = False

    def __setattr__(self, name: str, value: Any) -> None:
        # Lightning notes the running hook in the module, some 40 times a step, and nn.Module's way of setting an
        # attribute, which looks for parameters and buffers, makes that cost more than a tenth of a small net's step.
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    # Inference

    def predict_logits(self, images: Tensor) -> Tensor:
        """Class scores of normalised images, `(N, C, H, W)` to `(N, K)`."""
        return self.net(images, self.inference_draws) if self.draws_at_inference else self.net(images)

    @property
    def draws_at_inference(self) -> bool:
        """Whether a prediction depends on random numbers: then the network takes a generator too."""
        return getattr(self.net, "draws_at_inference", False)

    @property
    def inference_draws(self) -> Generator:
        """Where inference takes its random numbers from; every evaluation, and every `draw`, begins anew."""
        if self._inference is None:
            self._inference = inference_generator(self.seed, self.draw, self.device)
        return self._inference

    def forward(self, images: Tensor) -> Tensor:
        return self.predict_logits(images)

    def probabilities(self, logits: Tensor) -> Tensor:
        """What class scores mean under the loss that they were trained with, as numbers of 0..1: `(N, K)`, as logits.

        A loss that does not say so, one that is not ours, is taken for a cross-entropy, unless they are such numbers.
        """
        convert = getattr(self.loss, "probabilities", None)
        return convert(logits) if convert else probabilities_of(logits)

    # Evaluation, the same for the validation and the test split

    def on_validation_epoch_start(self) -> None:
        self.begin_evaluation()

    def on_test_epoch_start(self) -> None:
        self.begin_evaluation()

    def begin_evaluation(self) -> None:
        """Forgets the images that were evaluated before."""
        self._inference = None
        self._meter = EvaluationMeter(self.spec.num_classes, self.device)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Gives the logits `(N, K)` of a batch, which callbacks get to see."""
        images, target = batch
        return self.take(self(images), target)

    def take(self, logits: Tensor, target: Tensor) -> Tensor:
        """Takes in class scores (N, K) of images that are evaluated, and their classes (N,); gives the scores back."""
        check_labels(target)
        logits = logits.float()
        self._meter.update(self.loss(logits.clone(), target), logits, target)  # a loss may write into what it is given
        return logits

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        logits = self.validation_step(batch, batch_idx)
        views = getattr(self.trainer.datamodule, "tta", "none")  # type: ignore[attr-defined]  # a foreign one has none
        if views != "none":
            self._meter.update_tta(tta.VIEWS[views](self, batch[0]), batch[1])
        return logits

    def on_validation_epoch_end(self) -> None:
        self.log_exactly(self.end_evaluation("val"))

    def on_test_epoch_end(self) -> None:
        self.log_exactly(self.end_evaluation("test"))

    def end_evaluation(self, split: str) -> dict[str, float]:
        """The metrics of all images since the evaluation began, `val/acc` and so on."""
        self.evaluated = self._meter.read(self.sum_over_processes)
        if self.evaluated.broken and not self.trainer.sanity_checking:
            log.warning(f"{split}: the network gives NaN for {self.evaluated.broken:,} images, so there is no accuracy")
        metrics = self.evaluated.metrics | self.further_metrics()
        if split == "test":
            self.test_answers = self.read_answers("test", self._meter.answers)
            metrics |= self.test_answers.figures if self.test_answers else {}
        named = {f"{split}/{name}": value for name, value in metrics.items()}
        if split == "val" and not self.trainer.sanity_checking:
            self.validation = Validation(self.trainer.current_epoch, self.trainer.global_step, named)
            self.validation_answers = self._meter.answers
        return named

    @property
    def answers(self) -> Answers:
        """Those of the images since the evaluation began."""
        return self._meter.answers

    def read_answers(self, split: str, answers: Answers) -> Answered | None:
        """Answers to images of a split, of all processes; None where there are none. To be called in every process."""
        alone = self.trainer.world_size == 1
        return answers.read(self.probabilities, None if alone else partial(self._gather, split))

    def _gather(self, split: str, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `(n, K)` and classes `(n,)` of this process with those of the others, in the order of the split."""
        size, positions = self.trainer.datamodule.evaluated(split)  # type: ignore[attr-defined]
        device = self.trainer.strategy.root_device
        rows = torch.zeros(size, logits.shape[1] + 2, device=device)
        own = torch.cat([logits, target[:, None].to(logits), torch.ones_like(logits[:, :1])], dim=1)
        rows[positions[: len(target)].to(device)] = own.to(device)
        rows = self.sum_over_processes(rows)
        rows = rows[rows[:, -1] > 0]  # a part of the split may have been asked for
        return rows[:, :-2], rows[:, -2].long()

    def further_metrics(self) -> dict[str, float]:
        """What a way of learning measures of the images evaluated, beside what all do; by name."""
        return {}

    @property
    def val_metrics(self) -> dict[str, float]:
        """`val/loss`, `val/acc` and so on of this epoch's last validation; empty where it was not validated.

        Lightning's `callback_metrics` keeps those of an earlier epoch, and forgets them when a run is resumed.
        """
        return self.validation.metrics if self.validation.epoch == self.trainer.current_epoch else {}

    @property
    def val_metrics_now(self) -> dict[str, float]:
        """Those of the weights as they are; empty where a step was taken since the last validation."""
        return self.validation.metrics if self.validation.step == self.trainer.global_step else {}

    def sum_over_processes(self, tensor: Tensor) -> Tensor:
        """A tensor of this process added to those of the others."""
        return self.trainer.strategy.reduce(tensor.clone(), reduce_op="sum")  # type: ignore[return-value]

    def log_exactly(self, metrics: dict[str, float]) -> None:
        """Logs figures as they are: Lightning rounds a float to single precision, 0.011 to 0.010999999940395355."""
        self._logs_figures = True
        try:
            self.log_dict({name: torch.tensor(value, dtype=torch.float64) for name, value in metrics.items()})
        finally:
            self._logs_figures = False

    def log(self, name: str, *arguments: Any, **options: Any) -> None:
        """As Lightning has it, but for figures of the run that a callback logs too: of both it would make the mean."""
        if name in FIGURES and not self._logs_figures:
            log.warning(f"{name}: a callback logs it under the name of a figure of the run; it is left out")
            return
        super().log(name, *arguments, **options)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["spec"] = self.spec.plain()


def probabilities_of(answers: Tensor) -> Tensor:
    """What somebody else's network answers, `(N, K)`, as probabilities.

    Rows that add up to 1, all of nothing below 0, are such already; else the softmax, which makes them of logits and,
    as they were, of log-probabilities.
    """
    answers = answers.float()
    return answers if are_probabilities(answers) else answers.softmax(dim=1)


def are_probabilities(answers: Tensor) -> bool:
    """Whether rows `(N, K)` add up to 1, all of nothing below 0; of rows that are no numbers nothing is said."""
    rows = answers[answers.isfinite().all(dim=1)]
    sums = rows.sum(dim=1)
    return bool(len(rows)) and bool((rows >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-3)
