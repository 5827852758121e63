"""The arguments of `lightning.pytorch.Trainer` that a config may set; a test compares them with its signature."""

from __future__ import annotations

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
    "it is set by the project; callbacks and loggers are chosen with callbacks=OPTION and logger=OPTION"
)

TRAINER_ARGUMENTS = (
    "accelerator",
    "accumulate_grad_batches",
    "barebones",
    "benchmark",
    "check_val_every_n_epoch",
    "detect_anomaly",
    "deterministic",
    "devices",
    "enable_autolog_hparams",
    "enable_checkpointing",
    "fast_dev_run",
    "gradient_clip_algorithm",
    "gradient_clip_val",
    "inference_mode",
    "limit_predict_batches",
    "limit_test_batches",
    "limit_train_batches",
    "limit_val_batches",
    "log_every_n_steps",
    "max_epochs",
    "max_steps",
    "max_time",
    "min_epochs",
    "min_steps",
    "model_registry",
    "num_nodes",
    "num_sanity_val_steps",
    "overfit_batches",
    "precision",
    "profiler",
    "reload_dataloaders_every_n_epochs",
    "strategy",
    "sync_batchnorm",
    "val_check_interval",
)
