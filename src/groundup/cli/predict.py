"""Classes of images, by a trained run: `groundup predict run=DIR images=PATH`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from groundup.command.frame import Command
from groundup.command.place import Place

MODEL = "model="


def predict(cfg: DictConfig) -> None:
    # Not at the top: a wrong path is answered before torch is imported.
    from groundup.config.check import check_predict

    config = check_predict(cfg)

    from groundup.command.predictions import publish
    from groundup.run.classified import Prepare

    out = None if config["out"] is None else Path(config["out"])
    images, top = Path(config["images"]), config["top"]
    prepare = Prepare(str(config["data"]["invert"]).lower(), config["prepare"])  # type: ignore[arg-type]
    if config["network"] is not None:
        from groundup.run.predict_file import predict_by_file

        publish(predict_by_file(Path(config["network"]), images, top, prepare), out)
        return

    from groundup.run.predict import predict

    publish(predict(Path(config["run"]), images, config["ckpt"], top, config["trust"], prepare), out)


def main(place: Place, words: Sequence[str]) -> None:
    """`model=FILE` is `network=FILE` to Hydra, for which `model` is a group of `conf/`."""
    said = [f"network={word.removeprefix(MODEL)}" if word.startswith(MODEL) else word for word in words]
    Command("predict", predict, sweeps=False).run(place, said)
