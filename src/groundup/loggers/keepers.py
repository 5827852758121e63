"""Which keeper a logger has, told from its class."""

from __future__ import annotations

from lightning.pytorch.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from PIL import Image

from groundup.loggers.csv_table import CSVKeeper
from groundup.loggers.helper import InHelper, InHelperKeeper
from groundup.loggers.keeper import Keeper
from groundup.loggers.mlflow_runs import MLflowKeeper
from groundup.loggers.tensorboard import TensorBoardKeeper
from groundup.loggers.weights_and_biases import WandbKeeper

ANY = Keeper()
KEEPERS: dict[type[Logger], Keeper] = {
    TensorBoardLogger: TensorBoardKeeper(),
    CSVLogger: CSVKeeper(),
    WandbLogger: WandbKeeper(),
    MLFlowLogger: MLflowKeeper(),
    InHelper: InHelperKeeper(),
}


def keeper_of(kind: type) -> Keeper:
    """The keeper of loggers of a class."""
    return next((keeper for known, keeper in KEEPERS.items() if issubclass(kind, known)), ANY)


def takes_pictures(logger: Logger) -> bool:
    """Whether it can be given images; the same in all processes of a run."""
    return keeper_of(type(logger)).takes_pictures(logger)


def write_picture(logger: Logger, tag: str, image: Image.Image, step: int) -> None:
    """Gives an image to a logger that takes pictures."""
    keeper_of(type(logger)).write_picture(logger, tag, image, step)
