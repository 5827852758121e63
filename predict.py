"""Classes of images, by a trained run: `python predict.py run=DIR images=PATH`. Help: `python predict.py --help`."""

from pathlib import Path

from omegaconf import DictConfig

from groundup.command.frame import command


@command(config_name="predict", sweeps=False)  # an @hydra.main: shell completion looks for this word
def main(cfg: DictConfig):
    # Not at the top: a wrong path is answered before torch is imported.
    from groundup.config.check import check_predict

    config = check_predict(cfg)

    from groundup.command.predictions import publish
    from groundup.run.predict import predict

    out = None if config["out"] is None else Path(config["out"])
    publish(predict(Path(config["run"]), Path(config["images"]), config["ckpt"], config["top"]), out)


if __name__ == "__main__":
    main()
