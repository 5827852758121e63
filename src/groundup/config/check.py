"""Checks a config before anything is loaded: all that is wrong with it in one message. Imports no torch."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from glob import has_magic
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from groundup.config.asked_images import OF_THE_RUN, refuse_wrong_images, refuse_wrong_out
from groundup.config.backbones import settle_backbone
from groundup.config.balance import refuse_wrong_balance
from groundup.config.contradictions import (
    refuse_contradictions,
    refuse_monitor_without_validation,
    refuse_several_devices_in_sweep,
)
from groundup.config.folds import settle_folds
from groundup.config.image_folder import settle_folder
from groundup.config.image_sizes import fit_images, look_at_images
from groundup.config.mixing import refuse_wrong_mixing
from groundup.config.normal_form import (
    drop_idle_nesterov,
    drop_sweep,
    is_sweep,
    make_absolute,
    plain,
    typed_words,
    was_checked,
)
from groundup.config.options import Evaluate, Export, Predict, Study, Sweep
from groundup.config.own_training import settle_training
from groundup.config.partials import refuse_without_partial
from groundup.config.range_test import settle_range_test
from groundup.config.schedulers import refuse_wrong_scheduler
from groundup.config.trusted import trusted
from groundup.config.validation import refuse_wrong_run, refuse_wrong_values
from groundup.data.folder import scan
from groundup.data.folder_spec import Scan
from groundup.errors import UserError
from groundup.options import Node
from groundup.rundir.aliases import with_todays_names
from groundup.rundir.directory import find_checkpoint, find_weights, refuse_files_of_runs
from groundup.rundir.names import CONFIG, EXPORTED, PREDICTIONS
from groundup.spec import DatasetSpec

ONNX = ("onnx", "onnxscript", "onnxruntime")  # packages that write it and compute it
FOLDERS_OF_LOGGERS = ("save_dir", "root_dir", "log_dir", "dir")  # as Lightning's call them


class Checked(NamedTuple):
    """A config that a run can begin with, and what is known of its images."""

    config: dict[str, Any]
    spec: DatasetSpec


def check(cfg: DictConfig) -> dict[str, Any]:
    """The config alone of `check_run`."""
    return check_run(cfg).config


def check_run(cfg: DictConfig, scan: Scan = scan, words: Sequence[str] | None = None) -> Checked:
    """The resolved config of a run as plain containers, and what is known of its images, for `groundup.run.run`.

    Args:
        cfg: as it was composed.
        scan: looks through an image folder; a sweep remembers for its jobs what was found.
        words: that were typed for it; None: those of this command.

    Raises:
        UserError: one line for each problem: key, value given, what is accepted.
    """
    config = check_words(cfg, words)
    return Checked(config, look_at_images(config, scan))


def check_words(cfg: DictConfig, words: Sequence[str] | None = None) -> dict[str, Any]:
    """Checks what the keys say, and looks at nothing that they speak of: at no image, and not at this machine's memory.

    Paths are made absolute; `data=digits` is enlarged where the model needs larger images. A job that its sweep has
    checked is not checked again.

    Raises:
        UserError: as `check_run`.
    """
    if was_checked():
        return plain(cfg)
    config = with_todays_names(plain(cfg))
    settle_training(config, typed_words() if words is None else words)
    refuse_without_partial(config)
    refuse_wrong_run(config)
    if is_sweep():
        refuse_several_devices_in_sweep(config)
    drop_sweep(config)
    trusted(config.pop("trust", None))  # no part of a run, whose directory has no say in it
    for key in OF_THE_RUN:
        make_absolute(config["data"], key)
    if config["data"].get("cache") != "auto":
        make_absolute(config["data"], "cache")
    settle_folds(config["data"], typed_words() if words is None else words)
    if config["resume"] != "auto":
        make_absolute(config, "resume")
    make_absolute(config, "init_from")
    if config.get("init_from") is not None and config["resume"] is None:  # else it may have begun long ago
        find_weights(config["init_from"])
    for node in config["logger"].values():
        for key in FOLDERS_OF_LOGGERS:
            if node and isinstance(node.get(key), str):
                make_absolute(node, key)
    drop_idle_nesterov(config["optimizer"])
    refuse_contradictions(config)
    settle_backbone(config)
    settle_folder(config["data"])
    refuse_wrong_balance(config)
    refuse_wrong_mixing(config)
    settle_range_test(config)
    fit_images(config)
    refuse_monitor_without_validation(config)
    refuse_wrong_scheduler(config)
    return config


def check_sweep(cfg: DictConfig) -> dict[str, Any]:
    """The keys of `sweep`, of a command with `-m`.

    Raises:
        UserError: one line for each problem.
    """
    sweep = plain(cfg.sweep)
    refuse_wrong_values(Sweep, sweep, "sweep.")
    if sweep["resume"] != "auto":
        make_absolute(sweep, "resume")
    return sweep


def check_trust(cfg: DictConfig) -> tuple[str, ...]:
    """The packages that a command trusts, see `config.trusted`.

    Raises:
        UserError: one of them is none.
    """
    return trusted(plain(OmegaConf.masked_copy(cfg, ["trust"])).get("trust"))


def check_study(options: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `hydra.sweeper` with `hydra/sweeper=optuna`, each right by itself.

    Raises:
        UserError: one line for each problem.
    """
    refuse_wrong_values(Study, options, "hydra.sweeper.")
    return {name: field.default for name, field in Study.model_fields.items() if not field.is_required()} | {**options}


def refuse_idle_study_keys(options: Mapping[str, Any]) -> None:
    """
    Raises:
        UserError: a key is for a pruner that was not asked for.
    """
    pruner = options["pruner"]
    for key, pruners in {"startup_trials": ("median",), "warmup_epochs": ("median", "hyperband", "wilcoxon")}.items():
        if options[key] is not None and pruner not in pruners:
            raise UserError(
                f"hydra.sweeper.{key}={options[key]} with hydra.sweeper.pruner={pruner}: it has no effect; accepted: "
                f"hydra.sweeper.pruner={', '.join(pruners)}"
            )


def check_evaluate(cfg: DictConfig) -> dict[str, Any]:
    """The config of `evaluate.py` with absolute paths; its run and its checkpoint are there.

    Raises:
        UserError: they are not, or a key is wrong.
    """
    config = _check_reader(cfg, Evaluate)
    make_absolute(config, "predictions")
    _check_predictions(config)
    for key in OF_THE_RUN:
        make_absolute(config["data"], key)
    return config


def _check_predictions(config: Mapping[str, Any]) -> None:
    if config["predictions"] is None:
        return
    file = Path(config["predictions"])
    if not file.parent.is_dir():
        raise UserError(f"predictions={file}: no such folder")
    if config["predictions"] == config["out"]:
        raise UserError(f"predictions={file}: out names this file, too; choose another one")
    missing = Path(config["run"]) / PREDICTIONS.get(config["split"], "")  # of a run of an older version
    if file != missing or file.exists():
        refuse_files_of_runs(file, "predictions")


def check_predict(cfg: DictConfig) -> dict[str, Any]:
    """The config of `predict.py`; its run and checkpoint, or the file of its network, and its images are there, if any.

    Raises:
        UserError: they are not, or a key is wrong.
    """
    config = _check_reader(cfg, Predict)
    for key in OF_THE_RUN:
        make_absolute(config["data"], key)
    refuse_wrong_images(config)
    if config["images"] not in (None, "-"):
        make_absolute(config, "images")
        if not os.path.lexists(config["images"]) and not has_magic(config["images"]):
            raise UserError(f"images={config['images']}: no such file or folder")
    refuse_wrong_out(config)
    return config


def check_export(cfg: DictConfig) -> dict[str, Any]:
    """The config of `export.py` with absolute paths, `out` and `int8` as the files to be written.

    Raises:
        UserError: its run or its checkpoint are not there, a key is wrong, or a package that it takes is missing.
    """
    config = _check_reader(cfg, Export)
    to = config["to"]
    for key in OF_THE_RUN:
        make_absolute(config["data"], key)
    file = Path(config["out"] or Path(config["run"]) / EXPORTED[to])
    if file.suffix != f".{to}":
        raise UserError(f"out={config['out']}: accepted with to={to}: a file whose name ends in .{to}")
    if config["int8"] and to != "onnx":
        raise UserError(f"int8=true with to={to}: accepted: to=onnx")
    missing = [package for package in ONNX if to == "onnx" and importlib.util.find_spec(package) is None]
    if missing:
        raise UserError(f'to=onnx: needs {", ".join(missing)}: pip install "groundup[export]"')
    small = file.with_suffix(".int8.onnx") if config["int8"] else None
    return {**config, "out": file, "int8": small}


def _check_reader(cfg: DictConfig, options: type[Node]) -> dict[str, Any]:
    config = plain(cfg)
    refuse_wrong_values(options, config)
    config["trust"] = trusted(config["trust"])
    make_absolute(config, "run")
    make_absolute(config, "out")
    if "network" in config:
        _check_which_network(config)
    if config["run"] is not None and not (Path(config["run"]) / CONFIG).is_file():
        raise UserError(f"run={config['run']}: no {CONFIG} there; accepted: a run directory, outputs/runs/*/*")
    if config["out"] is not None and not Path(config["out"]).parent.is_dir():
        raise UserError(f"out={config['out']}: its folder does not exist")
    if config["out"] is not None:
        refuse_files_of_runs(Path(config["out"]), "out")
    if config["run"] is not None:
        find_checkpoint(Path(config["run"]), config["ckpt"])
    return config


def _check_which_network(config: dict[str, Any]) -> None:
    """Of a run, or of a file that was exported.

    Raises:
        UserError: neither, both, or no such file.
    """
    make_absolute(config, "network")
    if config["network"] is None:
        if config["run"] is None:
            raise UserError("run=null: must be given: a run directory; or model=FILE.onnx, which export.py wrote")
        return
    if config["run"] is not None:
        raise UserError(f"model={config['network']} with run={config['run']}: accepted: one of them")
    if config["ckpt"] != "best":
        raise UserError(f"ckpt={config['ckpt']} with model={config['network']}: a checkpoint is of a run: run=DIR")
    if not config["network"].endswith(".onnx"):
        raise UserError(f"model={config['network']}: accepted: a file NAME.onnx that export.py wrote")
    if not Path(config["network"]).is_file():
        raise UserError(f"model={config['network']}: no such file; accepted: one that export.py wrote")
    if importlib.util.find_spec("onnxruntime") is None:
        raise UserError(f'model={config["network"]}: needs onnxruntime: pip install "groundup[export]"')
