"""Lightning's own: every argument of its Trainer and every callback of `lightning.pytorch.callbacks`. Imports no torch.

Each works here as Lightning documents it, or is refused before training in a sentence that says what to use instead.
Tests compare these tables with the installed Lightning, so that what is new there is missed, and test what works by its
effect. `table` prints them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

# The run itself sets these.
SET_BY_THE_RUN = (
    "callbacks",
    "default_root_dir",
    "enable_model_summary",
    "enable_progress_bar",
    "logger",
    "plugins",
    "use_distributed_sampler",
)
SET_BY_THE_RUN_HINT = (
    "the project sets it itself; callbacks, such as the progress bar, and loggers are chosen with callbacks=OPTION and "
    "logger=OPTION, and the run directory with hydra.run.dir=DIR"
)


class Refused(NamedTuple):
    """An argument that is refused unless it asks for nothing: its default, or null."""

    default: Any
    why: str


# What works, and the effect that its test looks at.
WORKING_ARGUMENTS = {
    "accelerator": "the parameters are on that kind of device; a device that the machine lacks is refused",
    "accumulate_grad_batches": "the weights are those of one large batch, but for rounding; there are fewer steps",
    "benchmark": "torch.backends.cudnn.benchmark is set while training",
    "check_val_every_n_epoch": "the epochs that are validated",
    "detect_anomaly": "autograd's anomaly mode is on in a training step; such steps are not captured",
    "deterministic": "torch's deterministic mode is on; with warn it only warns",
    "devices": "the number of processes, and the same numbers as with one",
    "gradient_clip_algorithm": "gradients before the step are clipped by their norm, or entry by entry",
    "gradient_clip_val": "gradients before the step have at most this norm",
    "inference_mode": "whether an evaluation runs in torch.inference_mode",
    "limit_test_batches": "images that are tested; a share that leaves none is refused before training",
    "limit_train_batches": "steps of an epoch, as a number and as a share; the learning rate falls over these",
    "limit_val_batches": "images that are validated, as a number and as a share",
    "log_every_n_steps": "steps whose loss is logged",
    "max_epochs": "epochs trained",
    "max_steps": "steps taken; the learning rate falls over these",
    "max_time": "the training ends with the step in which the time is over",
    "min_epochs": "early stopping waits for them; more than max_epochs are refused",
    "min_steps": "early stopping waits for them; more than the training has are refused",
    "num_sanity_val_steps": "batches that are validated before the first step",
    "precision": "the number type of the weights, and of the outputs of a layer",
    "profiler": "its report is in the log; pytorch leaves its traces in the run directory",
    "reload_dataloaders_every_n_epochs": "how often the loader is made; the same numbers as without",
    "strategy": "the Trainer's strategy; the same numbers as with auto",
    "sync_batchnorm": "batch norms of a ddp run on GPUs are SyncBatchNorm; refused where processes are on CPUs",
    "val_check_interval": "the steps after which a validation runs",
}
REFUSED_ARGUMENTS = {
    "barebones": Refused(
        False,
        "leave out one by one what takes time: logger=none, callbacks.progress=null and so on; trainer.profiler shows "
        "where the time goes",
    ),
    "enable_autolog_hparams": Refused(
        True, "hyperparameters are logged by the project, with the results; to log nothing, use logger=none"
    ),
    "enable_checkpointing": Refused(
        True, "checkpoints are written by callbacks.checkpoints; callbacks.checkpoints=null leaves them out"
    ),
    "fast_dev_run": Refused(
        False,
        "it leaves out logs and checkpoints, which every run here writes; use debug=fast, or +trainer.max_steps and "
        "+trainer.limit_val_batches",
    ),
    "limit_predict_batches": Refused(None, "the Trainer never predicts here; predict.py does, for the images given"),
    "model_registry": Refused(None, "nothing is uploaded here; checkpoints are in the run directory"),
    "num_nodes": Refused(1, "a run trains on one machine; accepted: 1. See trainer.devices"),
    "overfit_batches": Refused(
        0,
        "Lightning cannot turn off the shuffling of the batches here; use "
        "data.limit_train=IMAGES with data.val_fraction=0, or debug=overfit",
    ),
}
TRAINER_ARGUMENTS = tuple(sorted([*WORKING_ARGUMENTS, *REFUSED_ARGUMENTS]))

WORKING_CALLBACKS = {
    "Callback": "a class of your own is called at every hook",
    "Checkpoint": "a class of your own is called after the epoch's other callbacks",
    "DeviceStatsMonitor": "figures of the device in the logger, at steps that are logged; refused without a logger",
    "EMAWeightAveraging": "best.ckpt holds the running mean, worked out by hand from the weights after every step",
    "EarlyStopping": "the epoch after which training ends",
    "LambdaCallback": "its functions are called",
    "ModelCheckpoint": "its own files beside best.ckpt and last.ckpt, which it may not be told to write",
    "ModelSummary": "its table is in the log",
    "ProgressBar": "a class of your own is called; refused beside another",
    "RichProgressBar": "it draws, where rich is installed; refused beside another",
    "TQDMProgressBar": "it draws; refused beside another",
    "ThroughputMonitor": "batches a second in the logger; refused without a logger",
    "Timer": "training ends when the time is over, and the log says so; refused beside trainer.max_time",
    "WeightAveraging": "last.ckpt holds the mean of the weights after every step",
}
REFUSED_CALLBACKS = {
    "BackboneFinetuning": "model.freeze and model.backbone_rate do that, of model=timm and model=torchvision; "
    "parameters that are frozen when the network is built stay frozen",
    "BaseFinetuning": "parameters that join in later have no learning rate in the project's schedule; parameters "
    "that are frozen when the network is built stay frozen",
    "BasePredictionWriter": "the Trainer never predicts here; use predict.py with out=FILE",
    "BatchSizeFinder": "batches come from data.batch_size; give it, or sweep it with -m",
    "GradientAccumulationScheduler": "the schedule of the learning rate needs epochs of equally many steps; use "
    "trainer.accumulate_grad_batches, which holds for the whole run",
    "LearningRateFinder": "the learning rate is optimizer.lr; sweep it with -m",
    "LearningRateMonitor": "it would log the rate of the step before, because the project sets each step's rate as it "
    "begins; loggers get the rate as lr, and metrics.csv has it",
    "ModelPruning": "it changes weights after they were validated, so no metric would belong to the weights that "
    "are kept; use torch.nn.utils.prune on a finished run's best.ckpt",
    "OnExceptionCheckpoint": "a checkpoint made within a failed step would skip that step's images when resumed; "
    "resume=RUN goes on from last.ckpt",
    "RichModelSummary": "it writes past the log; the log shows every layer, and ModelSummary works",
    "SpikeDetection": "Lightning cannot resume a run that has it; a loss that is not finite ends a run in any case, "
    "and trainer.gradient_clip_val tames spikes",
    "StochasticWeightAveraging": "the project sets learning rates itself, and chooses best.ckpt before the averaged "
    "weights are there, so it would have no effect; use callbacks=ema",
}


def table() -> str:
    """All of it in Markdown: name, whether it works, and what its test looks at or what is said."""
    refused = {name: argument.why for name, argument in REFUSED_ARGUMENTS.items()}
    refused |= dict.fromkeys(SET_BY_THE_RUN, SET_BY_THE_RUN_HINT)
    return "\n\n".join(
        "\n".join([f"| {kind} | | how it is tested, or what is said |", "| --- | --- | --- |", *rows])
        for kind, rows in (
            ("argument of the Trainer", _rows(WORKING_ARGUMENTS, refused)),
            ("callback of Lightning's", _rows(WORKING_CALLBACKS, REFUSED_CALLBACKS)),
        )
    )


def _rows(working: dict[str, str], refused: dict[str, str]) -> Iterator[str]:
    for name in sorted([*working, *refused], key=str.lower):
        yield f"| `{name}` | {'works' if name in working else 'refused'} | {working.get(name) or refused[name]} |"
