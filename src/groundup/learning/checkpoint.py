"""Reading checkpoints: plain tensors and containers only, never pickled code."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from groundup.errors import UserError
from groundup.rundir.archive import refuse_damage
from groundup.rundir.identity import identity_in, identity_of
from groundup.rundir.names import CHECKPOINTS
from groundup.spec import DatasetSpec


def read_plain(path: Path) -> Any:
    """What a file that PyTorch has written holds, on the CPU.

    Raises:
        UserError: no such file, a damaged one, or one that holds anything but tensors and plain containers.
    """
    if not path.is_file():
        raise UserError(f"checkpoint {path}: no such file")
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")  # of a foreign file: refused all the same
            refuse_damage(file)
            return torch.load(file, map_location="cpu", weights_only=True)  # of the very file that was looked at
    except Exception as error:  # of any kind: torch reads damaged bytes as instructions to an unpickler
        raise UserError(
            f"checkpoint {path}: refused, it is damaged or holds more than tensors and plain values ({_reason(error)})"
        ) from error


def try_reading_back(state: Any) -> None:
    """Writes what a checkpoint would hold, and reads it as one is read, in memory.

    Raises:
        Exception: of any kind, as torch and the objects raise them: no checkpoint with it could be read.
    """
    file = BytesIO()
    torch.save(state, file)
    file.seek(0)
    torch.load(file, weights_only=True)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The contents of a checkpoint, on the CPU.

    Raises:
        UserError: as `read_plain`; or it is of another run than that in whose directory it lies.
    """
    checkpoint = read_plain(path)
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise UserError(f"checkpoint {path}: not a checkpoint of this project (no state_dict in it)")
    _refuse_another_runs(checkpoint, path)
    return checkpoint


def load_weights(module: torch.nn.Module, path: Path) -> dict[str, Any]:
    """Puts a checkpoint's weights into `module` and returns the checkpoint.

    Raises:
        UserError: as `load_checkpoint` and `put_weights`.
    """
    checkpoint = load_checkpoint(path)
    put_weights(module, checkpoint, path)
    return checkpoint


def put_weights(module: torch.nn.Module, checkpoint: Mapping[str, Any], path: Path) -> None:
    """Puts the weights of a loaded checkpoint into `module`.

    Args:
        path: of the checkpoint, for the message.

    Raises:
        UserError: the weights are of another network, or not all of them are numbers.
    """
    try:
        module.load_state_dict(checkpoint["state_dict"], strict=getattr(module, "strict_loading", True))
    except (RuntimeError, TypeError, AttributeError) as error:
        raise UserError(f"checkpoint {path}: made by another network: {_first_difference(error)}") from error
    refuse_what_is_no_number(module, path)


def spec_in(checkpoint: Mapping[str, Any], path: Path) -> DatasetSpec:
    """The data set that a checkpoint was trained on, from the checkpoint alone.

    Args:
        path: of the checkpoint, for the message.

    Raises:
        UserError: it does not say, or says what no data set is.
    """
    try:
        return DatasetSpec(**checkpoint["spec"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"checkpoint {path}: it does not say what data it was trained on ({type(error).__name__}: {error})"
        ) from error


def _refuse_another_runs(checkpoint: Mapping[str, Any], path: Path) -> None:
    folder = path.absolute().parent
    its, own = identity_in(checkpoint), identity_of(folder.parent)
    if folder.name == CHECKPOINTS and own is not None and its is not None and its != own:
        raise UserError(
            f"checkpoint {path}: it belongs to another run than its directory; accepted: the run's own "
            "checkpoint in its place, and any other by the path where it was written"
        )


def refuse_what_is_no_number(module: torch.nn.Module, path: Path) -> None:
    """Predictions of such a network are no numbers either. Infinity may be meant in a buffer, such as a mask."""
    for name, weights in module.state_dict(keep_vars=True).items():
        if not isinstance(weights, torch.Tensor) or not weights.is_floating_point():  # extra state may be anything
            continue
        is_wrong = ~weights.isfinite() if isinstance(weights, torch.nn.Parameter) else weights.isnan()
        if count := int(is_wrong.sum()):
            raise UserError(
                f"checkpoint {path}: {count} of the {weights.numel()} values of {name} are no numbers (NaN or "
                "infinite): training has diverged; a smaller optimizer.lr or trainer.gradient_clip_val=1 may help"
            )


def _reason(error: Exception) -> str:
    """What is wrong with a file, without torch's advice to load it unsafely."""
    if isinstance(error, pickle.UnpicklingError) and isinstance(error.__context__, Exception):
        error = error.__context__  # torch wraps it in advice
    return re.split(r"\.\s|\.$|\n", str(error))[0] or type(error).__name__


def _first_difference(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[1] if len(lines) > 1 else lines[0]
