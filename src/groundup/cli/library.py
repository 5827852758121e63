"""The commands as functions, for scripts, notebooks and programs of one's own.

Each puts back what it changes in the process, so another program that uses Hydra is not disturbed. All of them raise
UserError for a request that cannot be met, with the message of the command.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra import version
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from hydra.version import Version, VersionBase
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from groundup.borrowed.hydra import make_loader, resolvers_put_back
from groundup.command.environment import environment
from groundup.command.grammar import literal
from groundup.command.place import Place, names
from groundup.command.resolvers import SWEEP_DIR, register, run_directory
from groundup.command.search_path import PROVIDER
from groundup.config.asked_images import refuse_wrong_images
from groundup.config.check import check_run
from groundup.config.contradictions import refuse_several_devices_in_call
from groundup.config.options import Call
from groundup.config.validation import refuse_wrong_values
from groundup.errors import UserError
from groundup.paths import CONF, home
from groundup.rundir.links import LogFile
from groundup.rundir.names import LOG

if TYPE_CHECKING:
    from groundup.run.classified import Prediction

AnyPath = str | os.PathLike[str]
_computing = threading.RLock()  # random numbers, threads of BLAS, signals: a process has one of each
_composing = threading.RLock()  # Hydra and OmegaConf keep what they know of a config in the process


def compose(*overrides: str, config: str = "train", config_dir: AnyPath | None = None) -> dict[str, Any]:
    """The checked config of a run, as plain containers: `compose("model=cnn", "data=cifar10")`.

    Args:
        overrides: settings, as on the command line of `groundup train`.
        config: the name of the config to begin with.
        config_dir: a folder with configs of your own, which comes before the package's.

    Raises:
        UserError: the request cannot be met. It has the message of the command.
    """
    if other := next((word for word in overrides if not isinstance(word, str)), None):
        raise UserError(
            f"compose({other!r}): accepted: strings, one for each setting, such as compose('model=cnn', 'seed=1')"
        )
    here = _place(config_dir)
    with _undisturbed(), resolvers_put_back():
        register(here.home, here.spelling)
        return check_run(_composed(overrides, config, here), words=overrides).config


def train(config: Mapping[str, Any] | Sequence[str] = (), run_dir: AnyPath | None = None) -> dict[str, Any]:
    """Trains and tests a model, and writes a run directory. The figures are those of the command.

    Of several threads that call it, one computes and the others wait, because they share random generators.

    Args:
        config: a config from `compose`, changed as you like; or settings, such as `["model=mlp", "seed=1"]`.
        run_dir: the folder of the run; None makes one in `outputs/runs/`.

    Returns:
        The fields of `results.json`, and `run_dir`.

    Raises:
        UserError: the run cannot begin. It has the message of the command.
        RunFailed: the run failed. It has the cause; the traceback is in `train.log`.
    """
    overrides = [] if isinstance(config, Mapping) else [config] if isinstance(config, str) else list(config)
    here = _place(None)
    with _undisturbed(), resolvers_put_back():
        register(here.home, here.spelling)
        cfg = OmegaConf.create(dict(config)) if isinstance(config, Mapping) else _composed(overrides, "train", here)
        checked = check_run(cfg, words=overrides)
        refuse_several_devices_in_call(checked.config)
        directory = Path(run_dir).absolute() if run_dir is not None else run_directory(here.home, cfg)

    from groundup.cli.train import start  # imports torch
    from groundup.sweep.isolation import put_back

    with _computing, put_back(), _logged(directory):
        return start(checked, directory, overrides) | {"run_dir": directory}


def evaluate(
    run: AnyPath,
    ckpt: str = "best",
    *,
    data: Mapping[str, Any] | None = None,
    accelerator: str = "auto",
    draws: int = 1,
    trust: str | Iterable[str] = (),
    split: str = "test",
    predictions: AnyPath | None = None,
) -> dict[str, Any]:
    """Computes the metrics of a finished run on one of its splits.

    Args:
        run: the run directory.
        ckpt: `best`, `last` or a path.
        data: data keys that replace the run's own, such as `root` where the files have moved.
        accelerator: cpu, cuda, mps or auto.
        draws: the number of evaluations of a model whose predictions are random.
        trust: your own packages that the run has parts of.
        split: train, val or test. Training images are not augmented.
        predictions: a file that the answers are written to, those of the first draw.

    Raises:
        UserError: the request cannot be met. It has the message of the command.
    """
    run_dir = _path("run", run)
    refuse_wrong_values(Call, {"accelerator": accelerator, "draws": draws, "split": split})
    file = None if predictions is None else _path("predictions", predictions).absolute()
    from groundup.run.evaluate import evaluate
    from groundup.sweep.isolation import put_back

    with _computing, put_back():
        return evaluate(run_dir.absolute(), ckpt, accelerator, data, draws, names(trust), split, file)


def predict(
    run: AnyPath,
    images: AnyPath | None = None,
    ckpt: str = "best",
    *,
    top: int = 1,
    trust: str | Iterable[str] = (),
    prepare: str | None = None,
    invert: str | bool = "auto",
    split: str | None = None,
) -> list[Prediction]:
    """Classifies image files with the network of a run, and gives a probability for each class.

    Args:
        run: the run directory.
        images: an image file, a folder of image files, or a pattern.
        ckpt: `best`, `last` or a path.
        top: the number of classes given for each image, the likeliest first.
        trust: your own packages that the run has parts of.
        prepare: `mnist` cuts a digit out, scales and centres it, as those of MNIST were.
        invert: True, False, or `auto`: negatives, of dark ink on light paper where the network knows light on dark.
        split: in place of images, those of the run's own data: `test`, `val` or `train`.

    Raises:
        UserError: the request cannot be met. It has the message of the command.
    """
    refuse_wrong_values(Call, {"top": top, "prepare": prepare, "invert": invert})
    if split is not None:
        refuse_wrong_values(Call, {"split": split})
    asked = {"split": split, "images": images, "network": None, "prepare": prepare, "data": {"invert": invert}}
    refuse_wrong_images(asked)
    run_dir, image_files = _path("run", run).absolute(), None if images is None else _path("images", images)
    from groundup.run.classified import as_said
    from groundup.run.predict import predict
    from groundup.run.predict_split import predict_split
    from groundup.sweep.isolation import put_back

    with _computing, put_back():
        if image_files is not None:
            return list(predict(run_dir, image_files, ckpt, top, names(trust), as_said(invert, prepare)))
        assert split is not None, "one of them was given"
        return list(predict_split(run_dir, split, ckpt, top, names(trust)))


def _place(config_dir: AnyPath | None) -> Place:
    """Whoever calls a function is at home where the process is."""
    if config_dir is None:
        return Place(home(), (CONF,), "groundup {}")
    own = Path(config_dir).expanduser().absolute()
    if not own.is_dir():
        raise UserError(f"config_dir={config_dir}: no such folder; accepted: a folder with configs of your own")
    return Place(home(), (own, CONF), "groundup {}")


def _composed(overrides: Sequence[str], config: str, here: Place) -> DictConfig:
    """What Hydra composes, without its own node."""
    words = [literal(word) for word in overrides]
    try:
        loader = make_loader(here.confs, PROVIDER)
        cfg = loader.load_configuration(config, words, RunMode.RUN)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        from groundup.command.explain import explain

        raise UserError(explain(error, list(overrides), here.config_file(config), False, here.confs)) from error
    with read_write(cfg), open_dict(cfg):
        del cfg["hydra"]
    return cfg


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Composes apart from the command of Hydra's, if any, that this process is."""
    with _composing, environment(SWEEP_DIR, os.environ.get(SWEEP_DIR)):
        command, base = HydraConfig.instance().cfg, version.getbase()
        HydraConfig.instance().cfg = None
        version.setbase("1.3")
        try:
            yield
        finally:
            HydraConfig.instance().cfg = command
            if isinstance(base, Version):  # else nobody has said yet, and whoever needs it will
                VersionBase.instance().setbase(base)


def _path(name: str, given: AnyPath) -> Path:
    if not isinstance(given, str | os.PathLike):
        raise UserError(f"{name}={given!r}: must be a path")
    return Path(given)


@contextmanager
def _logged(run_dir: Path) -> Iterator[None]:
    """Writes in the run's own log what is logged meanwhile, as a command does; where else it goes is the program's."""
    logger = logging.getLogger("groundup")
    run_dir.mkdir(parents=True, exist_ok=True)
    handler, before = LogFile(str(run_dir / LOG), encoding="utf-8"), logger.level
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(min(logging.INFO, before or logging.INFO))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        handler.close()
