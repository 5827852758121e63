"""Images as large as a model needs them, and no larger than memory holds. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundup.config.balance import refuse_other_weights
from groundup.config.contradictions import refuse_monitor_without_val_loader
from groundup.config.data_module import look_at_data_module
from groundup.config.given_sizes import refuse_other_sizes
from groundup.config.rooms import accepted, all_options, options_of
from groundup.config.schedulers import refuse_scheduler_without_val_loader
from groundup.config.sizes import refuse_heavy_images, refuse_heavy_network
from groundup.config.validation import shown
from groundup.data.amounts import refuse_large_amounts
from groundup.data.augment_names import check_names
from groundup.data.folder import scan
from groundup.data.folder_spec import Scan
from groundup.data.specs import image_size, make_spec
from groundup.data.whose import has_our_keys, tells_its_spec
from groundup.errors import UserError
from groundup.spec import DatasetSpec

DIGITS_SIDE = 8


def fit_images(config: dict[str, Any]) -> None:
    """Refuses images too small for model or crop; digits, unless their size was chosen, are enlarged for the model.

    None is looked at: that is for the process in which the run will be, see `look_at_images`.

    Raises:
        UserError: as said, or images cannot grow during training.
    """
    data = config["data"]
    if not has_our_keys(data):
        return
    smallest = _smallest(config["model"])
    are_digits = data["name"] == "digits" and tells_its_spec(data) is None
    if are_digits and data.get("image_size") is None and smallest > DIGITS_SIDE:
        data["image_size"] = -(-smallest // DIGITS_SIDE) * DIGITS_SIDE
    height, width = image_size(data)
    _refuse_small_images(config["model"], data, (height, width), "set data.image_size={smallest} or more, or ")
    if "augment" in data:  # somebody else's may leave it out
        data["augment"] = check_names(data["augment"], data.get("crop_padding", 0), (height, width))
        refuse_large_amounts(data["augment"], data, (height, width))
    _refuse_growing_images(config["model"], data.get("progressive_sizes"), smallest)


def look_at_images(config: Mapping[str, Any], scan: Scan = scan) -> DatasetSpec:
    """What is known of a run's images: a folder is looked through, and a data module of somebody else's, once.

    Args:
        config: of the run, checked.
        scan: see `make_spec`.

    Raises:
        UserError: there are no such images, or the memory of this machine holds neither them nor the network.
    """
    data = config["data"]
    ours = has_our_keys(data)
    spec = make_spec(data, scan) if ours else look_at_data_module(data, config["seed"])
    refuse_other_sizes(config["model"], spec)
    refuse_other_weights(config["loss"], spec)
    refuse_heavy_network(config["model"], spec)
    if not ours:
        _refuse_small_images(config["model"], data, spec.image_size, "")
        if not getattr(spec, "val_size", 1):
            refuse_monitor_without_val_loader(config)
            refuse_scheduler_without_val_loader(config)
    else:
        train, test = data.get("limit_train") or spec.train_size, data.get("limit_test") or spec.test_size
        refuse_heavy_images(data, spec, min(train, spec.train_size) + min(test, spec.test_size))
    return spec


def _smallest(model: Mapping[str, Any]) -> int:
    """Pixels a side that a model needs; of one that is not ours nothing is known."""
    options = options_of("model", model)
    return options.smallest_image(model) if options is not None else 1


def _refuse_small_images(model: Mapping[str, Any], data: Mapping[str, Any], size: tuple[int, int], advice: str) -> None:
    smallest, (height, width) = _smallest(model), size
    if min(size) < smallest:
        name = model["name"]
        raise UserError(
            f"model={name} with data={data['name']}: {name} needs images of at least {smallest}x{smallest} pixels, "
            f"these have {height}x{width}; {advice.format(smallest=smallest)}choose another model"
        )


def _refuse_growing_images(model: Mapping[str, Any], sizes: list[list[float]] | None, smallest: int) -> None:
    """Images that grow during training are for networks that take any size from some on."""
    options, name = options_of("model", model), model["name"]
    if sizes is None or options is None:
        return
    if not options.any_image_size:
        others = [other for each in all_options("model") if each.any_image_size for other in accepted(each, "name")]
        raise UserError(
            f"data.progressive_sizes={shown(sizes)} with model={name}: {name} takes images of one size alone; "
            f"accepted: null, or another model: {', '.join(others)}"
        )
    if min(pixels for _, pixels in sizes) < smallest:
        raise UserError(
            f"data.progressive_sizes={shown(sizes)} with model={name}: {name} needs images of at least "
            f"{smallest}x{smallest} pixels"
        )
