"""Trains a model on a data set: `python train.py model=cnn data=cifar10`. Help: `python train.py --help`."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from groundup.command.frame import command


@command(config_name="train")  # an @hydra.main: shell completion looks for this word
def main(cfg: DictConfig):
    # Not at the top: help, a misspelt key or a wrong value is answered before torch is imported.
    from groundup.config.check import check_run
    from groundup.run.resume import begins_alone, resume_checkpoint

    config, spec = check_run(cfg)
    run_dir = Path(HydraConfig.get().runtime.output_dir)
    checkpoint = resume_checkpoint(config, run_dir)

    with begins_alone(config, run_dir):
        from groundup.run.run import run

        return run(config, run_dir, checkpoint, list(HydraConfig.get().overrides.task), spec)


if __name__ == "__main__":
    main()
