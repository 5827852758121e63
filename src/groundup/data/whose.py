"""Whose data a config describes: ours, or a class of somebody else's, which its `_target_` names.

Kinds are told by class. No torch, unless it is somebody else's: their package is imported then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundup.borrowed.hydra import locate
from groundup.errors import UserError

OURS = "groundup.data.module.ImageData"
ACCEPTED = "a subclass of groundup.data.module.ImageData, or a lightning.pytorch LightningDataModule"


def theirs(data: Mapping[str, Any]) -> Any:
    """What the `_target_` of a data config stands for; None where that is our own `ImageData`, or there is none.

    Raises:
        UserError: it stands for nothing, or for a class that is no data module.
    """
    target = data.get("_target_", OURS)
    if target == OURS:
        return None
    try:
        found = locate(target)
    except (ImportError, ValueError, AttributeError, TypeError) as error:
        raise refusal(data, " ".join(str(error).split())) from error
    if isinstance(found, type):
        refuse_no_data_module(data, found)
    return None if found is _image_data() else found


def images_of(data: Mapping[str, Any]) -> Any:
    """The subclass of `ImageData` that a data config names; None where it names something else, or is wrong."""
    try:
        found = theirs(data)
    except UserError:
        return None
    return found if isinstance(found, type) and issubclass(found, _image_data()) else None


def tells_its_spec(data: Mapping[str, Any]) -> Any:
    """What a data config names, where that says itself what its images are; None where our name for them does.

    Raises:
        UserError: as `theirs`.
    """
    found, images = theirs(data), images_of(data)
    return None if images is not None and images.describe.__func__ is _image_data().describe.__func__ else found


def has_our_keys(data: Mapping[str, Any]) -> bool:
    """Whether a data config has the keys of `conf/data/base.yaml`, and its images are made ready by us.

    Raises:
        UserError: as `theirs`.
    """
    return theirs(data) is None or images_of(data) is not None


def refuse_no_data_module(data: Mapping[str, Any], kind: type) -> None:
    """Makes sure that objects of a class are LightningDataModules, those of `lightning.pytorch`.

    Raises:
        UserError: they are not.
    """
    from lightning.pytorch import LightningDataModule

    if issubclass(kind, LightningDataModule):
        return
    name = f"{kind.__module__}.{kind.__qualname__}"
    if any(parent.__name__ == "LightningDataModule" for parent in kind.__mro__):
        raise refusal(
            data, f"{name} is a LightningDataModule of the package pytorch_lightning; import lightning.pytorch"
        )
    raise refusal(data, f"{name} is no data module")


def refusal(data: Mapping[str, Any], cause: str, accepted: str = ACCEPTED) -> UserError:
    """What is wrong with the data that a config names, and what is accepted."""
    return UserError(f"data._target_={data.get('_target_', OURS)}: {cause}; accepted: {accepted}")


def _image_data() -> Any:
    from groundup.data.module import ImageData

    return ImageData
