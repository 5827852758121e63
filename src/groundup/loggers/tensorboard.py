"""TensorBoard event files, straight in the run directory."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from PIL import Image
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from groundup.borrowed.torch import write_summary
from groundup.loggers.keeper import Beginning, Ending, Keeper, Place

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
        log_hparams(logger, {"status": run.status, **run.params}, run.chosen, run.metrics, run.step)


def log_hparams(
    logger: TensorBoardLogger,
    params: Mapping[str, Any],
    chosen: Collection[str],
    metrics: Mapping[str, float],
    step: int,
) -> None:
    """Writes one row of the HPARAMS tab with final metrics, and closes the event files.

    It has a file of its own, in place of one of an earlier part of the run: TensorBoard shows the first row that it
    finds. `TensorBoardLogger.log_hyperparams` writes `hp_metric = -1`, or nothing, and a hparams.yaml beside
    config.yaml.
    """
    logger.experiment.close()
    folder = Path(logger.log_dir)
    for earlier in folder.glob(f"events.out.tfevents.*{_ROW}"):
        earlier.unlink()
    with SummaryWriter(folder, filename_suffix=_ROW) as row:
        for name, value in metrics.items():
            row.add_scalar(name, value, step)
        experiment, *session = hparams(dict(params), dict(metrics))
        for summary in (_chosen_first(experiment, chosen), *session):
            write_summary(row, summary)


def _chosen_first(experiment: Summary, chosen: Collection[str]) -> Summary:
    """Marks parameters as those that differ: TensorBoard shows five columns, and those before the others."""
    plugin = experiment.value[0].metadata.plugin_data
    content = HParamsPluginData.FromString(plugin.content)
    for info in content.experiment.hparam_infos:
        info.differs = info.name in chosen
    plugin.content = content.SerializeToString()
    return experiment
