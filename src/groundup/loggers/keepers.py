"""Which keeper a logger has, told from its class."""

from __future__ import annotations

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from PIL import Image

from groundup.loggers.csv_table import CSVKeeper
from groundup.loggers.helper import InHelper, InHelperKeeper
from groundup.loggers.keeper import Keeper
from groundup.loggers.tensorboard import TensorBoardKeeper

ANY = Keeper()
KEEPERS: dict[type[Logger], Keeper] = {
    TensorBoardLogger: TensorBoardKeeper(),
    CSVLogger: CSVKeeper(),
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
