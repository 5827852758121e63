"""What other projects call things, and what that is here. Imports nothing.

Names of lightning-hydra-template, timm, torchvision's references, nanoGPT and ultralytics; few of
them are spelt like ours. `{}` stands for the value.
"""

from __future__ import annotations

SETTINGS = {
    # weights, and going on
    "ckpt_path": "resume={} to go on with a run, init_from={} to begin with its weights",
    "resume_from_checkpoint": "resume={}",
    "checkpoint": "resume={} to go on with a run, init_from={} to begin with its weights",
    "load_from_checkpoint": "init_from={}",
    "initial_checkpoint": "init_from={}",
    "weights": "model.weights={}, with model=timm or model=torchvision; init_from=FILE, of a run or of a state_dict",
    "pretrained": "model=timm model.weights=default, or init_from=FILE, of a run or of a state_dict",
    "start_epoch": "resume=RUN, which knows its epoch",
    # data
    "jobs": "+jobs={}, with -m: the jobs of a sweep in a file",
    "datamodule": "data={}",
    "dataset": "data={}",
    "data_dir": "data.root={}",
    "data_path": "data.root={}",
    "paths.data_dir": "data.root={}",
    "batch": "data.batch_size={}",
    "batch_size": "data.batch_size={}",
    "b": "data.batch_size={}",
    "imgsz": "data.image_size={}",
    "img_size": "data.image_size={}",
    "num_workers": "data.workers={}",
    "workers": "data.workers={}",
    "j": "data.workers={}",
    "num_classes": "nothing to type: the data know their classes",
    # data of one's own, with keys of ours that debug=fast or debug=overfit sets
    "data.limit_train": "+trainer.limit_train_batches=BATCHES, for debug=fast and debug=overfit go with data of ours",
    "data.limit_test": "+trainer.limit_test_batches=BATCHES, for debug=fast and debug=overfit go with data of ours",
    "data.val_fraction": "nothing to type: a data module of your own has its own val_dataloader; so debug=overfit "
    "goes with data of ours",
    "data.folds": "nothing to type: a data module of your own cuts its folds itself, by a key of its own",
    "data.fold": "nothing to type: a data module of your own cuts its folds itself, by a key of its own",
    "data.augment": "nothing to type: a data module of your own augments itself; so debug=overfit goes with data "
    "of ours",
    "model.net.lin1_size": "model=mlp model.hidden_dims=[{},256,64]",
    "model.net.lin2_size": "model=mlp model.hidden_dims=[128,{},64]",
    "model.net.lin3_size": "model=mlp model.hidden_dims=[128,256,{}]",
    "model.pretrained": "model=timm model.weights=default, or init_from=FILE, of a run or of a state_dict",
    "model.num_classes": "nothing to type: the data know their classes",
    # network, loss, optimizer
    "arch": "model={}, or model=timm model.arch={}",
    "net": "model={}",
    "network": "model={}",
    "dropout": "model.dropout={}",
    "drop": "model.dropout={}",
    "compile": "trainer.compile={}",
    "model.compile": "trainer.compile={}",
    "criterion": "loss={}",
    "smoothing": "loss.label_smoothing={}",
    "label_smoothing": "loss.label_smoothing={}",
    "opt": "optimizer={}",
    "optim": "optimizer={}",
    "lr": "optimizer.lr={}",
    "lr0": "optimizer.lr={}",
    "learning_rate": "optimizer.lr={}",
    "model.lr": "optimizer.lr={}",
    "model.learning_rate": "optimizer.lr={}",
    "momentum": "optimizer.momentum={}",
    "wd": "optimizer.weight_decay={}",
    "weight_decay": "optimizer.weight_decay={}",
    "model.weight_decay": "optimizer.weight_decay={}",
    "sched": "scheduler={}",
    "lr_scheduler": "scheduler={}",
    "cos_lr": "scheduler=cosine",
    "warmup_epochs": "scheduler.warmup_epochs={}, with scheduler=cosine",
    "lr_step_size": "scheduler.step_epochs={}, with scheduler=step",
    "lr_gamma": "scheduler.gamma={}, with scheduler=step",
    # training
    "epochs": "trainer.max_epochs={}",
    "max_epochs": "trainer.max_epochs={}",
    "max_iters": "+trainer.max_steps={}",
    "max_steps": "+trainer.max_steps={}",
    "accelerator": "trainer.accelerator={}",
    "device": "trainer.accelerator={}",
    "gpus": "trainer.devices={}",
    "devices": "trainer.devices={}",
    "precision": "trainer.precision={}",
    "amp": "trainer.precision=16-mixed or bf16-mixed",
    "fp16": "trainer.precision=16-mixed",
    "dtype": "trainer.precision=32-true, bf16-mixed or another",
    "clip_grad": "trainer.gradient_clip_val={}",
    "grad_clip": "trainer.gradient_clip_val={}",
    "clip_grad_norm": "trainer.gradient_clip_val={}",
    "gradient_accumulation_steps": "+trainer.accumulate_grad_batches={}",
    "grad_accum_steps": "+trainer.accumulate_grad_batches={}",
    "patience": "callbacks=early_stopping callbacks.early_stopping.patience={}",
    "model_ema": "callbacks=ema",
    "train": "evaluate.py run=DIR, which tests a run without training",
    "test": "nothing to type: a run ends with one test, and evaluate.py repeats it",
    "test_only": "evaluate.py run=DIR",
    "eval_only": "evaluate.py run=DIR",
    # searches
    "hparams_search": "-m hydra/sweeper=optuna 'optimizer.lr=interval(0.001,0.1)', or another key's values",
    "optimized_metric": "hydra.sweeper.metric={}, with -m hydra/sweeper=optuna",
    # where it is written
    "output_dir": "hydra.run.dir={}",
    "out_dir": "hydra.run.dir={}",
    "output": "hydra.run.dir={}",
    "save_dir": "hydra.run.dir={}",
    "paths.output_dir": "hydra.run.dir={}",
    "paths.log_dir": "hydra.run.dir={}",
    "paths": "data.root=DIR for data, hydra.run.dir=DIR for a run",
    "task_name": "hydra.run.dir=DIR; a run's own name is made of its model, its data and the time",
    "tags": "hydra.run.dir=DIR names a run; report.py tells runs apart by their settings",
    "extras": "nothing of the kind: config.yaml of the run has its config",
    "wandb": "logger=wandb",
    "log_wandb": "logger=wandb",
    "wandb_log": "logger=wandb",
    "wandb_project": "logger=wandb logger.wandb.project={}",
    "wandb.project": "logger=wandb logger.wandb.project={}",
    "logger.wandb": "logger=wandb beside it",
    "logger.csv": "logger=csv beside it",
    "logger.mlflow": "logger=mlflow beside it",
}
WITHIN = {  # by what a key begins with
    "model.optimizer.": "optimizer.",
    "model.scheduler.": "scheduler.",
    "model.net.": "model.",
    "callbacks.model_checkpoint.": "callbacks.checkpoints.",
    "datamodule.": "data.",
    "dataset.": "data.",
    "optim.": "optimizer.",
}
OPTIONS = {  # of groups
    "trainer=cpu": "trainer.accelerator=cpu",
    "trainer=gpu": "trainer.accelerator=gpu",
    "trainer=cuda": "trainer.accelerator=cuda",
    "trainer=mps": "trainer.accelerator=mps",
    "trainer=ddp": "trainer.devices=2, or as many as there are",
    "trainer=ddp_sim": "trainer.devices=2 trainer.accelerator=cpu",
    "callbacks=none": "callbacks.NAME=null, for each of them",
    "callbacks=null": "callbacks.NAME=null, for each of them",
    **{f"logger={name}": "a YAML of your own that names Lightning's class" for name in ("comet", "aim", "neptune")},
    "logger=many_loggers": "logger=[tensorboard,csv]",
    "debug=default": "debug=fast",
    "debug=fdr": "debug=fast",
    "debug=limit": "debug=fast, or data.limit_train=IMAGES",
    "debug=profiler": "debug=profile",
}
READERS = ("evaluate", "predict", "export")
OF_READERS = {
    "ckpt_path": "ckpt={}",
    "checkpoint": "ckpt={}",
    "weights": "ckpt={}",
    "model": "run=DIR, whose config says it",
    "run_dir": "run={}",
    "image": "images={}",
    "source": "images={}",
    "input": "images={}",
    "data_dir": "data.root={}",
    "batch_size": "data.eval_batch_size={}",
    "device": "accelerator={}",
}


def familiar(key: str, value: str, command: str = "train") -> str | None:
    """What a key is called here, with its value, as it is typed; None where its name is nobody's.

    Args:
        key: as typed, also as an option with dashes.
        command: that it was typed for.
    """
    name = key.lstrip("-+~").replace("-", "_")
    if command in READERS:
        return _put(OF_READERS.get(name), value)
    if found := SETTINGS.get(name):
        return _put(found, value)
    inside = next((begin for begin in WITHIN if name.startswith(begin)), None)
    return f"{WITHIN[inside]}{name.removeprefix(inside)}={value}" if inside else None


def familiar_option(group: str, option: str) -> str | None:
    """What an option of a group is called here."""
    return OPTIONS.get(f"{group}={option}")


def _put(text: str | None, value: str) -> str | None:
    return None if text is None else text.replace("{}", value or "VALUE")
