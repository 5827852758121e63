"""Checks a config before anything is loaded: all that is wrong with it in one message. Imports no torch."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from groundup.config import schema
from groundup.config.build import computes_in_numpy
from groundup.config.interpolation import explain_interpolation
from groundup.config.sizes import refuse_heavy_images, refuse_heavy_network
from groundup.config.suggest import nearest
from groundup.config.trainer_arguments import SET_BY_THE_RUN, SET_BY_THE_RUN_HINT
from groundup.data.augment_names import check_names
from groundup.data.folder import EXTENSIONS
from groundup.data.specs import make_spec
from groundup.errors import UserError
from groundup.rundir.aliases import with_todays_names
from groundup.rundir.names import CONFIG

DIGITS_SIDE = 8


def check(cfg: DictConfig) -> dict[str, Any]:
    """The resolved config of a run as plain containers, ready for `groundup.run.run`.

    Paths are made absolute; `data=digits` is enlarged where the model needs larger images.

    Raises:
        UserError: one line for each problem: key, value given, what is accepted.
    """
    config = with_todays_names(_plain(cfg))
    problems = list(_problems(config))
    if problems:
        raise UserError("\n".join(problems))
    _refuse_several_devices_in_sweep(config)
    _drop_sweep(config)
    _make_absolute(config["data"], "root")
    _make_absolute(config["data"], "mirror")
    if config["resume"] != "auto":
        _make_absolute(config, "resume")
    if config["optimizer"].get("nesterov") and config["optimizer"].get("momentum") == 0:
        config["optimizer"]["nesterov"] = False  # the same thing then, which torch refuses to be asked for
    _refuse_clipping_in_mixed_precision(config)
    _refuse_contradictions(config["trainer"])
    _refuse_what_numpy_cannot(config)
    _refuse_output_twice(config)
    _refuse_too_many_devices(config)
    _fit_images(config)
    _refuse_sizes_that_do_not_fit(config)
    _refuse_monitor_without_validation(config)
    return config


def check_sweep(cfg: DictConfig) -> dict[str, Any]:
    """The keys of `sweep`, of a command with `-m`.

    Raises:
        UserError: one line for each problem.
    """
    sweep = _plain(cfg.sweep)
    if problems := list(_node_problems(schema.Sweep, sweep, "sweep.")):
        raise UserError("\n".join(problems))
    if sweep["resume"] != "auto":
        _make_absolute(sweep, "resume")
    return sweep


def check_study(options: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `hydra.sweeper` with `hydra/sweeper=optuna`.

    Raises:
        UserError: one line for each problem.
    """
    if problems := list(_node_problems(schema.Study, options, "hydra.sweeper.")):
        raise UserError("\n".join(problems))
    return dict(options)


def check_evaluate(cfg: DictConfig) -> dict[str, Any]:
    """The config of `evaluate.py` with absolute paths; its run and its checkpoint are there.

    Raises:
        UserError: they are not, or a key is wrong.
    """
    config = _check_reader(cfg, schema.Evaluate)
    _make_absolute(config["data"], "root")
    _make_absolute(config["data"], "mirror")
    return config


def check_predict(cfg: DictConfig) -> dict[str, Any]:
    """The config of `predict.py`; its run, checkpoint and images are there.

    Raises:
        UserError: they are not, or a key is wrong.
    """
    config = _check_reader(cfg, schema.Predict)
    _make_absolute(config, "images")
    if not Path(config["images"]).exists():
        raise UserError(f"images={config['images']}: no such file or folder")
    _refuse_to_write_over_an_image(config)
    return config


def _refuse_to_write_over_an_image(config: Mapping[str, Any]) -> None:
    out = config["out"]
    if out is not None and (out == config["images"] or out.lower().endswith(EXTENSIONS)):
        raise UserError(f"out={out}: this is an image, which the table would be written over; accepted: a CSV file")


def _check_reader(cfg: DictConfig, keys: type[schema.Node]) -> dict[str, Any]:
    from groundup.rundir.directory import find_checkpoint

    config = _plain(cfg)
    if problems := list(_node_problems(keys, config, "")):
        raise UserError("\n".join(problems))
    _make_absolute(config, "run")
    _make_absolute(config, "out")
    if not (Path(config["run"]) / CONFIG).is_file():
        raise UserError(f"run={config['run']}: no {CONFIG} there; accepted: a run directory, outputs/runs/*/*")
    if config["out"] is not None and not Path(config["out"]).parent.is_dir():
        raise UserError(f"out={config['out']}: its folder does not exist")
    find_checkpoint(Path(config["run"]), config["ckpt"])
    return config


def _plain(cfg: DictConfig) -> dict[str, Any]:
    try:
        if missing := sorted(OmegaConf.missing_keys(cfg)):
            raise UserError("\n".join(f"{key}=???: must be given: {key}=VALUE" for key in missing))
        return OmegaConf.to_container(cfg, resolve=True)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise UserError(explain_interpolation(error)) from error


# Types, ranges and misspelt keys


def _problems(config: Mapping[str, Any]) -> Iterator[str]:
    groups = {**schema.NODES, "trainer": [schema.Trainer]}
    top = {key: value for key, value in config.items() if key not in (*groups, *schema.NAMED_NODES)}
    yield from _node_problems(schema.Run, top, "", siblings=list(config))
    for group, nodes in groups.items():
        node = config.get(group)
        if not isinstance(node, Mapping):
            yield _no_group(group, node)
        elif keys := schema.Trainer if group == "trainer" else schema.schema_of(nodes, node):
            yield from _node_problems(keys, node, f"{group}.")
        else:
            yield from _foreign_problems(group, node)
    for group in schema.NAMED_NODES:
        yield from _named_node_problems(group, config.get(group))


def _no_group(group: str, given: Any) -> str:
    also = "" if given else f"; it cannot be left out by ~{group}"
    return f"{group}={_shown(given)}: must be a group: {group}=OPTION{also}"


def _node_problems(
    keys: type[schema.Node], node: Mapping[str, Any], prefix: str, siblings: list[str] | None = None
) -> Iterator[str]:
    try:
        keys.model_validate(node)
        return
    except ValidationError as error:
        found = error.errors(include_url=False)
    accepted: dict[str, list[str]] = {}  # by key: a union of types reports each of its members
    given: dict[str, Any] = {}
    for problem in found:
        key, value = _locate(node, problem["loc"])
        name = f"{prefix}{key}"
        if problem["type"] == "extra_forbidden":
            message = _unknown_key(keys, key, prefix, siblings)
        elif problem["type"] == "too_short":
            message = "must be a list of at least one"
        elif problem["type"] in ("missing", "string_pattern_mismatch") or value is None:
            message = f"must be given: {name}=VALUE"
        else:
            message = problem["msg"].replace("Input should", "must").replace("must be a valid", "must be a")
            message = message.replace("must be a integer", "must be a whole number")
            if problem["type"] == "list_type":
                message += f"; a list is written [{_shown(value)}]"
        given[name] = value
        if message not in accepted.setdefault(name, []):
            accepted[name].append(message)
    for name, messages in accepted.items():
        yield f"{name}={_shown(given[name])}: {' or '.join(messages).replace(' or must be', ' or')}"


def _locate(node: Any, path: tuple[str | int, ...]) -> tuple[str, Any]:
    """The key that an error is about, as `hidden_dims.0`, and its value; a member of a union is no part of it."""
    found = []
    for part in path:
        inside = isinstance(node, Mapping) and part in node
        if not inside and not (isinstance(node, list) and isinstance(part, int) and part < len(node)):
            break
        node = node[part]
        found.append(str(part))
    return (".".join(found), node) if found else (str(path[0]), None)


def _unknown_key(keys: type[schema.Node], key: str, prefix: str, siblings: list[str] | None) -> str:
    fields = [name for name in keys.model_fields if name not in ("target", "partial", "name")]
    fields += [sibling for sibling in siblings or [] if sibling not in (key, *fields)]
    if keys is schema.Trainer and key in SET_BY_THE_RUN:
        return SET_BY_THE_RUN_HINT
    meant = nearest(key, fields)
    hint = f"; did you mean {prefix}{meant}?" if meant else "."
    listed = "any argument of Lightning's Trainer" if keys is schema.Trainer else ", ".join(fields)
    return f"there is no such key{hint} Accepted: {listed}"


def _foreign_problems(group: str, node: Mapping[str, Any]) -> Iterator[str]:
    """A node that is not ours must say what to build and what to call it, no more."""
    for key in ("_target_", "name"):
        if not isinstance(node.get(key), str):
            yield f"{group}.{key}={_shown(node.get(key))}: must be given, a string, as {group}=OPTION does"


def _named_node_problems(group: str, nodes: Any) -> Iterator[str]:
    if not isinstance(nodes, Mapping):
        yield _no_group(group, nodes) + ("" if nodes else f", its parts by {group}.NAME=null")
        return
    for name, node in nodes.items():
        if node is None:
            continue
        if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
            yield f"{group}.{name}={_shown(node)}: must be null, or keys with a _target_"
        elif keys := schema.with_target(schema.NAMED_NODES[group], node):
            yield from _node_problems(keys[0], node, f"{group}.{name}.")


def _shown(value: Any) -> str:
    """A value as it is written on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(_shown(item) for item in value)}]"
    return re.sub(r"(://).*@", r"\1…@", str(value))  # what goes before a host may be a password


# What cannot go together


def _fit_images(config: dict[str, Any]) -> None:
    """Refuses images too small for model or crop; digits, unless their size was chosen, are enlarged for the model."""
    keys = schema.schema_of(schema.NODES["model"], config["model"])
    smallest = keys.smallest_image(config["model"]) if keys is not None and issubclass(keys, schema.Model) else 1
    data = config["data"]
    if data["name"] == "digits" and data.get("image_size") is None and smallest > DIGITS_SIDE:
        data["image_size"] = -(-smallest // DIGITS_SIDE) * DIGITS_SIDE
    if schema.schema_of(schema.NODES["data"], data) is None:
        return
    spec = make_spec(data)
    if min(spec.image_size) < smallest:
        model = config["model"]["name"]
        raise UserError(
            f"model={model} with data={data['name']}: {model} needs images of at least {smallest}x{smallest} pixels, "
            f"these have {spec.height}x{spec.width}; set data.image_size={smallest} or more, or choose another model"
        )
    data["augment"] = check_names(data["augment"], data["crop_padding"], spec.image_size)
    refuse_heavy_network(config["model"], spec)
    train, test = data["limit_train"] or spec.train_size, data["limit_test"] or spec.test_size
    refuse_heavy_images(data, spec, min(train, spec.train_size) + min(test, spec.test_size))


def _refuse_sizes_that_do_not_fit(config: Mapping[str, Any]) -> None:
    """Images that grow during training are for networks that take any size from some on."""
    keys = schema.schema_of(schema.NODES["model"], config["model"])
    sizes = config["data"].get("progressive_sizes")
    if sizes is None or keys is None or not issubclass(keys, schema.Model):
        return
    smallest, model = keys.smallest_image(config["model"]), config["model"]["name"]
    if not keys.any_image_size:
        raise UserError(
            f"data.progressive_sizes={_shown(sizes)} with model={model}: {model} takes images of one size alone; "
            "accepted: null, or another model: cnn, resnet18, speednet"
        )
    if min(pixels for _, pixels in sizes) < smallest:
        raise UserError(
            f"data.progressive_sizes={_shown(sizes)} with model={model}: {model} needs images of at least "
            f"{smallest}x{smallest} pixels"
        )


def _refuse_monitor_without_validation(config: Mapping[str, Any]) -> None:
    key = _key_without_validation(config)
    for name, node in config["callbacks"].items() if key else ():
        if not node or schema.with_target([schema.Checkpoints], node):  # of which the last epoch is then the best
            continue
        if str(node.get("monitor", "")).startswith("val/"):
            raise UserError(
                f"{key}=0 with callbacks.{name}.monitor={node['monitor']}: there is no validation data; "
                f"give {key} a value above 0, or monitor train/loss"
            )


def _key_without_validation(config: Mapping[str, Any]) -> str | None:
    """The key whose 0 leaves nothing to validate."""
    data = config["data"]
    if config["trainer"].get("limit_val_batches") == 0:
        return "trainer.limit_val_batches"
    if data.get("val_fraction") != 0 or ((Path(data["root"]) / "val").is_dir() and data["name"] == "image_folder"):
        return None
    return "data.val_fraction"


def _refuse_clipping_in_mixed_precision(config: Mapping[str, Any]) -> None:
    """Lightning does: a fused optimizer may scale gradients itself, too late to clip them."""
    trainer = config["trainer"]
    mixed = trainer["precision"].endswith("-mixed")
    if mixed and trainer["gradient_clip_val"] and config["optimizer"].get("fused"):
        raise UserError(
            f"optimizer.fused=true with trainer.precision={trainer['precision']} and "
            f"trainer.gradient_clip_val={trainer['gradient_clip_val']}: gradients cannot be clipped for a fused "
            "optimizer in mixed precision; set optimizer.fused=false"
        )


def _refuse_contradictions(trainer: Mapping[str, Any]) -> None:
    """Arguments of Lightning's Trainer that another one leaves nothing to do."""
    for least, most in (("min_epochs", "max_epochs"), ("min_steps", "max_steps")):
        if (limit := trainer.get(most, -1)) != -1 and (trainer.get(least) or 0) > limit:
            raise UserError(f"trainer.{least}={trainer[least]} with trainer.{most}={limit}: accepted: at most {limit}")
    if trainer.get("gradient_clip_algorithm") and not trainer["gradient_clip_val"]:
        raise UserError(
            f"trainer.gradient_clip_algorithm={trainer['gradient_clip_algorithm']} with "
            "trainer.gradient_clip_val=null: nothing would be clipped; give trainer.gradient_clip_val"
        )
    by_steps = trainer.get("check_val_every_n_epoch", 1) is None
    if by_steps and (trainer.get("val_check_interval") is None or isinstance(trainer["val_check_interval"], float)):
        raise UserError(
            "trainer.check_val_every_n_epoch=null: validation is then after trainer.val_check_interval batches; give "
            "that, a whole number, or a time"
        )


def _refuse_what_numpy_cannot(config: Mapping[str, Any]) -> None:
    trainer, model = config["trainer"], config["model"]
    if not computes_in_numpy(model):
        return
    for key, accepted in {"precision": ("32-true", "64-true"), "compile": (False,)}.items():
        if trainer[key] not in accepted:
            listed = ", ".join(_shown(value) for value in accepted)
            raise UserError(
                f"trainer.{key}={_shown(trainer[key])} with model={model['name']}: NumPy computes this network; "
                f"accepted: {listed}"
            )


def _refuse_output_twice(config: Mapping[str, Any]) -> None:
    output, loss = config["model"].get("output", "identity"), config["loss"]["name"]
    if output != "identity" and loss in ("cross_entropy", "mse", "bce"):
        raise UserError(
            f"model.output={output} with loss={loss}: this loss applies softmax or sigmoid itself; set "
            "model.output=identity or loss=squared_error"
        )


def _refuse_too_many_devices(config: Mapping[str, Any]) -> None:
    devices, accelerator = config["trainer"]["devices"], config["trainer"]["accelerator"]
    if not isinstance(devices, int):
        return
    for key in ("batch_size", "eval_batch_size"):
        size = config["data"].get(key)
        if isinstance(size, int) and devices > size:
            raise UserError(
                f"trainer.devices={devices} with data.{key}={size}: every device needs an image of each batch; set "
                f"data.{key}={devices} or more, or fewer devices"
            )
    cores = os.cpu_count() or 1
    on_cpu = accelerator in ("cpu", "auto") or computes_in_numpy(config["model"])
    if on_cpu and devices > cores:  # no machine has more of any other kind either
        raise UserError(
            f"trainer.devices={devices} with trainer.accelerator={accelerator}: this machine has {cores} CPU cores; "
            f"accepted: at most {cores}"
        )


def _refuse_several_devices_in_sweep(config: Mapping[str, Any]) -> None:
    devices = config["trainer"]["devices"]
    one = devices in (1, "auto") or (isinstance(devices, list) and len(devices) == 1)
    if _is_sweep() and not one:
        raise UserError(
            f"trainer.devices={_shown(devices)} in a sweep: accepted is 1; "
            "every further process would start the whole sweep again. Run the jobs one by one, without -m"
        )


def _drop_sweep(config: dict[str, Any]) -> None:
    """How a sweep is made is no part of a job: its config is that of the same run alone."""
    sweep = config.pop("sweep", None) or {}
    if sweep.get("resume") is not None and not _is_sweep():
        raise UserError(f"sweep.resume={sweep['resume']} without -m: a sweep goes on with -m and its own settings")


def _is_sweep() -> bool:
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


# Normal forms


def _make_absolute(node: dict[str, Any], key: str) -> None:
    """Paths are relative to where the command was typed, which a later `evaluate.py` need not share. A URL stays."""
    if node.get(key) and "://" not in node[key]:
        node[key] = os.path.abspath(os.path.join(_where_typed(), os.path.expanduser(node[key])))


def _where_typed() -> str:
    """The current directory, but for `hydra.job.chdir=true`, which makes that the run's."""
    if HydraConfig.initialized() and HydraConfig.get().job.chdir:
        return HydraConfig.get().runtime.cwd
    return os.getcwd()
