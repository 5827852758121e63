"""What a run keeps of its answers to validation and test images, and what they say of its probabilities."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.core.hooks import DataHooks
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor

from groundup.callbacks.interrupt import StopOnSignal
from groundup.data.module import ImageData
from groundup.errors import UserError
from groundup.learning.answers import Answered, Answers
from groundup.learning.continued import SeededEvaluation
from groundup.learning.predictor import Predictor, probabilities_of
from groundup.run.parts import Parts
from groundup.rundir.names import PREDICTIONS
from groundup.rundir.predictions import write_predictions
from groundup.spec import DatasetSpec
from groundup.statistics.calibration import COLDEST, HOTTEST

log = logging.getLogger(__name__)

NONE_KEPT = "the run keeps no predictions of"
_OF_BATCHES = ("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer")
ACCURACY = 0.01  # that two evaluations by the same weights may differ by: on a GPU they round otherwise


class Answering(LightningModule):
    """A network that is asked, and nothing else: it logs nothing, and no callback hears of it.

    Args:
        module: somebody else's, or a `Predictor`, which is validated as it always is.
    """

    def __init__(self, module: LightningModule):
        super().__init__()
        self.module = module
        self.answers = Answers()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        if isinstance(self.module, Predictor):
            self.module.validation_step(batch, batch_idx)
            return
        images, target = batch
        logits = self.module(images)
        if not isinstance(logits, Tensor) or logits.ndim != 2 or target.shape != logits.shape[:1]:
            raise TypeError("its forward gives no (N, K) for images")
        self.answers.update(logits.float(), target)

    test_step = validation_step

    def on_validation_epoch_start(self) -> None:
        if isinstance(self.module, Predictor):
            self.module.begin_evaluation()

    def on_validation_epoch_end(self) -> None:
        if isinstance(self.module, Predictor):
            self.answers = self.module.answers


def answering(module: LightningModule) -> Answering:
    """An `Answering` that does with batches what the module does with them: hooks are told by the class."""
    own = [hook for hook in _OF_BATCHES if getattr(type(module), hook) is not getattr(DataHooks, hook)]
    return type(Answering.__name__, (Answering,), {hook: _handed_on(hook) for hook in own})(module)


def _handed_on(hook: str) -> Callable[..., Any]:
    def hand_on(self: Answering, *arguments: Any, **named: Any) -> Any:
        return getattr(self.module, hook)(*arguments, **named)

    return hand_on


def validation_answers(parts: Parts, is_another: bool = False) -> Answered | None:
    """Answers to the validation images by the weights that are tested; None where there are none.

    Those of the last validation, where it was of these weights, else of one more pass.

    Args:
        parts: of a run that is trained, with the chosen weights.
        is_another: whether the network that is tested is not the one that was validated.
    """
    module, trainer = parts.module, parts.trainer
    if not is_another and isinstance(module, Predictor) and was_validated(parts):
        return module.read_answers("val", module.validation_answers)
    if not trainer.limit_val_batches:
        return None
    if not isinstance(parts.data, ImageData):  # which Trainer.validate would set up anew, for a stage it may not know
        log.info(f"{NONE_KEPT} val, and chooses no temperature: {_why_none(parts)}")
        return None
    found = _ask(parts, "validate")
    best = parts.checkpoints.best if parts.checkpoints else None
    known = best.metrics.get("val/acc") if best and not is_another else None
    return found if is_accuracy(found, known, "val") else None


def _why_none(parts: Parts) -> str:
    if not isinstance(parts.module, Predictor):
        return f"{type(parts.module).__name__} validates in its own way"
    if not len(parts.module.validation_answers):
        return "there were no validation images"
    return "the last validation was of other weights than the chosen checkpoint's"


def was_validated(parts: Parts) -> bool:
    """Whether the last validation was of the weights that are tested."""
    module = parts.module
    assert isinstance(module, Predictor), "asked of those alone"
    best = parts.checkpoints.best if parts.checkpoints else None
    step = best.step if best else parts.trainer.global_step
    return len(module.validation_answers) > 0 and module.validation.step == step


def test_answers(parts: Parts, tested: dict[str, Any]) -> Answered | None:
    """Answers to the test images; of a module of somebody else's those of its `forward`, if that is what it tests by.

    Args:
        parts: of a run that was tested.
        tested: the figures of the test.
    """
    if isinstance(parts.module, Predictor):
        return parts.module.test_answers
    found = _ask(parts, "test") if parts.course.tested else None
    return found if is_accuracy(found, tested.get("test/acc"), "test") else None


def is_accuracy(answered: Answered | None, known: float | None, split: str) -> bool:
    """Whether the answers have the accuracy that is known otherwise."""
    if answered is None or known is None:
        return True
    found = float(answered.right.mean())
    if not abs(found - known) > ACCURACY:  # NaN is not held against anything
        return True
    log.warning(f"{NONE_KEPT} {split}: they would have {split}/acc {found:.4f}, where it is {known:.4f}")
    return False


def _ask(parts: Parts, what: str) -> Answered | None:
    """Asks for the answers to a split, by Lightning's loop; callbacks, loggers and random numbers stay as they are."""
    module, trainer = parts.module, parts.trainer
    asked = answering(module)
    split = "val" if what == "validate" else what
    seed = module.seed if isinstance(module, Predictor) else parts.course.seed
    with _alone(trainer, seed), isolate_rng():
        try:
            getattr(trainer, what)(asked, datamodule=parts.data, verbose=False)
        except UserError:
            raise
        except Exception as error:
            if isinstance(module, Predictor):
                raise
            said = " ".join(str(error).split())[:200]
            log.info(f"{NONE_KEPT} {split}: {type(module).__name__}: {type(error).__name__}: {said}")
            return None
    if isinstance(module, Predictor):
        return module.read_answers(split, asked.answers)
    return asked.answers.read(probabilities_of)


@contextmanager
def _alone(trainer: Trainer, seed: int) -> Iterator[None]:
    callbacks, loggers = trainer.callbacks, trainer.loggers  # type: ignore[attr-defined]
    stop = [callback for callback in callbacks if isinstance(callback, StopOnSignal)]
    trainer.callbacks, trainer.loggers = [*stop, SeededEvaluation(seed)], []  # type: ignore[attr-defined]
    try:
        yield
    finally:
        trainer.callbacks, trainer.loggers = callbacks, loggers  # type: ignore[attr-defined]


def keep_answers(parts: Parts, results: dict[str, Any], validated: Answered | None, tested: Answered | None) -> None:
    """Writes both files, and puts into `results` what the answers say; what an earlier test has left is removed."""
    found = figures(validated, tested)
    results |= {name: value for name, value in found.items() if name not in results}  # a module may log its own
    if not parts.trainer.is_global_zero:
        return
    for line in _lines(found):
        log.info(line)
    folder = Path(parts.trainer.default_root_dir)
    for split, answered in (("val", validated), ("test", tested)):
        keep(answered, parts.spec, split, folder / PREDICTIONS[split])


def _lines(found: dict[str, float]) -> Iterator[str]:
    mended = [name for name in found if name == "temperature" or name.endswith("_scaled")]
    for names in ([name for name in found if name not in mended], mended):
        if names:
            yield "test  " + "  ".join(f"{name} {found[name]:.4f}" for name in names)


def figures(validated: Answered | None, tested: Answered | None) -> dict[str, float]:
    """What a test says of probabilities, and what it would say of those with the temperature of the validation."""
    if tested is None:
        return {}
    found = {f"test/{name}": value for name, value in tested.figures.items()}
    temperature = validated.temperature if validated and tested.logs is not None else None
    if temperature is None:
        return found
    if temperature in (COLDEST, HOTTEST):
        log.info(f"temperature {temperature:g}: the end of the range; the validation images bound it by nothing")
    scaled = {f"test/{name}": value for name, value in tested.scaled(temperature).items()}
    return found | {"temperature": temperature} | scaled


def keep(answered: Answered | None, spec: DatasetSpec, split: str, file: Path) -> None:
    """Writes the answers to a split; without any, what is there of an earlier test is removed."""
    if answered is None:
        file.unlink(missing_ok=True)
        return
    try:
        write_predictions(file, answered.as_predictions(spec, split))
    except ValueError as error:
        log.warning(f"{NONE_KEPT} {split}: {error}")
