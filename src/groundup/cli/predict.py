"""Classes of images, by a trained run: `groundup predict run=DIR images=PATH`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from groundup.command.frame import Command
from groundup.command.place import Place

if TYPE_CHECKING:
    from groundup.run.classified import Prediction

MODEL = "model="


def predict(cfg: DictConfig) -> None:
    # Not at the top: a wrong path is answered before torch is imported.
    from groundup.config.check import check_predict

    config = check_predict(cfg)

    from groundup.command.predictions import OF_A_SPLIT, publish

    out = None if config["out"] is None else Path(config["out"])
    if config["split"] is not None:
        publish(_of_split(config), out, OF_A_SPLIT)
    else:
        publish(_of_files(config), out)


def _of_split(config: Mapping[str, Any]) -> Iterator[Prediction]:
    from groundup.config.asked_images import OF_THE_RUN
    from groundup.run.predict_split import predict_split

    files = {key: config["data"][key] for key in OF_THE_RUN if config["data"][key] is not None}
    return predict_split(Path(config["run"]), config["split"], config["ckpt"], config["top"], config["trust"], files)


def _of_files(config: Mapping[str, Any]) -> Iterator[Prediction]:
    from groundup.run.classified import as_said

    images, top = Path(config["images"]), config["top"]
    prepare = as_said(config["data"]["invert"], config["prepare"])
    if config["network"] is not None:
        from groundup.run.predict_file import predict_by_file

        return predict_by_file(Path(config["network"]), images, top, prepare)

    from groundup.run.predict import predict

    return predict(Path(config["run"]), images, config["ckpt"], top, config["trust"], prepare)


def main(place: Place, words: Sequence[str]) -> None:
    """`model=FILE` is `network=FILE` to Hydra, for which `model` is a group of `conf/`."""
    said = [f"network={word.removeprefix(MODEL)}" if word.startswith(MODEL) else word for word in words]
    Command("predict", predict, sweeps=False).run(place, said)
