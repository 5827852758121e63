"""Keys whose values, each right by itself, cannot go together. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from groundup.config.directions import refuse_wrong_directions
from groundup.config.model_kinds import computes_in_numpy, learns_by_itself
from groundup.config.rooms import options_of
from groundup.config.validation import shown
from groundup.data.layout import has_val_folder
from groundup.data.whose import has_our_keys
from groundup.errors import UserError


def refuse_contradictions(config: Mapping[str, Any]) -> None:
    """Refuses what would fail, or do nothing, in a run whose keys are right one by one.

    Raises:
        UserError: the first pair of keys.
    """
    _refuse_clipping_in_mixed_precision(config)
    _refuse_idle_arguments(config["trainer"])
    _refuse_what_numpy_cannot(config)
    _refuse_what_a_module_cannot(config)
    _refuse_output_twice(config)
    _refuse_too_many_devices(config)
    refuse_wrong_directions(config["callbacks"])


def refuse_monitor_without_validation(config: Mapping[str, Any]) -> None:
    """Refuses a callback that waits for figures of a validation that is switched off.

    Raises:
        UserError: naming both keys.
    """
    key = key_without_validation(config)
    for name, monitor in _waiting(config) if key else ():
        raise UserError(
            f"{key}=0 with callbacks.{name}.monitor={monitor}: there is no validation data; "
            f"give {key} a value above 0, or monitor train/loss"
        )


def refuse_monitor_without_val_loader(config: Mapping[str, Any]) -> None:
    """The same, of a data module of somebody else's that has no validation data.

    Raises:
        UserError: naming the callback.
    """
    for name, monitor in _waiting(config):
        raise UserError(
            f"data={config['data']['name']} with callbacks.{name}.monitor={monitor}: there is no validation data, "
            "because the data module has no val_dataloader; accepted: monitor=train/loss"
        )


def _waiting(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The callbacks that wait for figures of a validation, with what they monitor."""
    for name, node in config["callbacks"].items():
        if node and str(node.get("monitor", "")).startswith("val/") and _needs_validation(node):
            yield name, node["monitor"]


def refuse_several_devices_in_sweep(config: Mapping[str, Any]) -> None:
    """Refuses jobs of several processes.

    Raises:
        UserError: there would be some.
    """
    _refuse_several_devices(config, "a sweep", "sweep again. Run the jobs one by one, without -m")


def refuse_several_devices_in_call(config: Mapping[str, Any]) -> None:
    """Refuses a run of several processes that is no command.

    Raises:
        UserError: it would be one.
    """
    _refuse_several_devices(config, "a function call", "program again. By the command: groundup train")


def _refuse_several_devices(config: Mapping[str, Any], where: str, what_starts: str) -> None:
    devices = config["trainer"]["devices"]
    if devices in (1, "auto") or (isinstance(devices, list) and len(devices) == 1):
        return
    raise UserError(
        f"trainer.devices={shown(devices)} in {where}: accepted: 1; every further process would start the whole "
        f"{what_starts}"
    )


def _needs_validation(callback: Mapping[str, Any]) -> bool:
    options = options_of("callbacks", callback)
    return options is None or options.needs_validation


def key_without_validation(config: Mapping[str, Any]) -> str | None:
    """The key whose 0 leaves nothing to validate."""
    data = config["data"]
    if config["trainer"].get("limit_val_batches") == 0:
        return "trainer.limit_val_batches"
    if not has_our_keys(data):
        return None
    if data.get("val_fraction") != 0 or (data["name"] == "image_folder" and has_val_folder(data["root"])):
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


def _refuse_idle_arguments(trainer: Mapping[str, Any]) -> None:
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
            "that key a whole number or a time"
        )


def _refuse_what_numpy_cannot(config: Mapping[str, Any]) -> None:
    trainer, model = config["trainer"], config["model"]
    if not computes_in_numpy(model):
        return
    for key, accepted in {"precision": ("32-true", "64-true"), "compile": (False,)}.items():
        if trainer[key] not in accepted:
            listed = ", ".join(shown(value) for value in accepted)
            raise UserError(
                f"trainer.{key}={shown(trainer[key])} with model={model['name']}: NumPy computes this network; "
                f"accepted: {listed}"
            )


def _refuse_what_a_module_cannot(config: Mapping[str, Any]) -> None:
    if not learns_by_itself(config["model"]):
        return
    model, devices = config["model"]["name"], config["trainer"]["devices"]
    if len(devices) > 1 if isinstance(devices, list) else devices not in (1, "auto"):
        raise UserError(
            f"trainer.devices={shown(devices)} with model={model}: a LightningModule logs the figures of one "
            "process, unless it says otherwise; accepted: 1"
        )
    tta = config["data"].get("tta") if has_our_keys(config["data"]) else None
    if tta not in (None, "none"):
        raise UserError(
            f"data.tta={tta} with model={model}: a LightningModule runs its own test, so nothing averages its outputs "
            "over several views; accepted: none"
        )
    if (sizes := config["data"].get("progressive_sizes")) is not None:
        raise UserError(
            f"data.progressive_sizes={shown(sizes)} with model={model}: only the LightningModule knows how long it "
            "trains; accepted: null"
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
    for key in ("batch_size", "eval_batch_size") if has_our_keys(config["data"]) else ():
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
