"""TensorBoard event files, straight in the run directory."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from PIL import Image
from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard import SummaryWriter

from groundup.borrowed.torch import write_summary
from groundup.config.sweep_settings import STATUS, settings_of_sweep
from groundup.loggers.hparams import columns, row
from groundup.loggers.keeper import Beginning, Ending, Keeper, Place

FIGURES = ("val/acc_best", "test/acc", "val/loss_best", "test/loss")  # of a sweep
_ROW = ".hparams"  # the end of the name of its file


class TensorBoard(TensorBoardLogger):
    """Writes its events into the run directory itself.

    Args:
        run_dir: of the run.
        first_step: what an earlier part of the run wrote after this step is hidden; 0 hides nothing.
    """

    def __init__(self, run_dir: Path, first_step: int = 0):
        purge = first_step + 1 if first_step > 0 else None
        super().__init__(run_dir, name="", version="", default_hp_metric=False, purge_step=purge)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:  # type: ignore[override]
        """As Lightning does, but for the chart of `epoch` against the step that it adds to every run."""
        super().log_metrics({name: value for name, value in metrics.items() if name != "epoch"}, step)

    def save(self) -> None:
        """Nothing: Lightning would write a hparams.yaml here, and config.yaml says it all."""


class TensorBoardKeeper(Keeper):
    """Of Lightning's too."""

    def takes_pictures(self, logger: Logger | type) -> bool:
        return True

    def arguments(self, node: Mapping[str, Any], place: Place) -> dict[str, Any]:
        """Lightning's hands on its `save_dir` as `root_dir` itself."""
        return {"save_dir": str(place.run_dir), "run_dir": place.run_dir, "first_step": place.first_step}

    def begin(self, logger: TensorBoardLogger, run: Beginning, place: Place) -> None:  # type: ignore[override]
        """Its settings come with the final figures; it has the texts of a run that goes on already."""
        for title, text in () if place.goes_on else run.texts.items():
            logger.experiment.add_text(title, text)

    def write_picture(self, logger: TensorBoardLogger, tag: str, image: Image.Image, step: int) -> None:
        """As a PNG: `SummaryWriter.add_image` would resample it, which takes several times as long."""
        content = io.BytesIO()
        image.save(content, format="PNG", compress_level=2)
        width, height = image.size
        picture = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=content.getvalue())
        write_summary(logger.experiment, Summary(value=[Summary.Value(tag=tag, image=picture)]), step)

    def end(self, logger: TensorBoardLogger, run: Ending) -> None:  # type: ignore[override]
        log_hparams(logger, run)


def log_hparams(logger: TensorBoardLogger, run: Ending) -> None:
    """Writes one row of the HPARAMS tab with final metrics, and closes the event files.

    It has a file of its own, in place of one of an earlier part of the run: TensorBoard shows the first row that it
    finds. `TensorBoardLogger.log_hyperparams` writes `hp_metric = -1`, or nothing, and a hparams.yaml beside
    config.yaml.
    """
    logger.experiment.close()
    folder = Path(logger.log_dir)
    below = (
        folder != run.run_dir and run.run_dir in folder.parents
    )  # in a folder for each part of a run that was stopped
    earlier = [*(folder.parent if below else folder).glob(f"{'*/' * below}events.out.tfevents.*{_ROW}")]
    with SummaryWriter(folder, filename_suffix=_ROW) as writer:
        for name, value in run.metrics.items():
            writer.add_scalar(name, value, run.step)
        for summary in _row(run):
            write_summary(writer, summary)
    for file in earlier:  # now, for a run that is killed meanwhile would have no row, and nobody writes it again
        file.unlink()


def _row(run: Ending) -> list[Summary]:
    """Seeds of one configuration are one row, as in the table of the sweep: those that have finished, without seeds."""
    params, sweep = {STATUS: run.status, **run.params}, settings_of_sweep(run.run_dir)
    if sweep is None:
        kinds = {name: [type(value).__name__] for name, value in params.items()}
        return [columns(kinds, run.chosen, run.metrics), *row(params, run.status)]
    metrics = _metrics(run)
    named = [columns(sweep.kinds, sweep.varied, metrics)] if metrics else []
    if run.status != "finished":
        return [*named, *row(params, run.status)]
    params = {name: value for name, value in params.items() if name not in sweep.repeats}
    return [*named, *row(params, run.status, sweep.groups[run.run_dir.name])]


def _metrics(run: Ending) -> list[str]:
    """Those of a sweep, whatever this job has come to; none of a module that logs names of its own and was not tested.

    Then the columns are named by another job.
    """
    own = [name for name in run.metrics if name not in FIGURES]
    if len(own) < len(run.metrics):
        return [*FIGURES, *own]
    return own if run.status == "finished" else []
