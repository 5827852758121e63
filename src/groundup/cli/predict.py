"""Classes of images, by a trained run: `groundup predict run=DIR images=PATH`."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from groundup.command.frame import Command


def predict(cfg: DictConfig) -> None:
    # Not at the top: a wrong path is answered before torch is imported.
    from groundup.config.check import check_predict

    config = check_predict(cfg)

    from groundup.command.predictions import publish
    from groundup.run.predict import predict

    out = None if config["out"] is None else Path(config["out"])
    run_dir, images = Path(config["run"]), Path(config["images"])
    publish(predict(run_dir, images, config["ckpt"], config["top"], config["trust"]), out)


main = Command("predict", predict, sweeps=False).run
