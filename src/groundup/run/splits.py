"""The training and the validation images of a run, as it has cut them, to be evaluated."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lightning.pytorch import LightningDataModule
from torch import Tensor

from groundup.config.data_module import look_at_data_module
from groundup.config.sizes import refuse_heavy_images
from groundup.data.arrays import ArrayData
from groundup.data.folder_spec import FolderSpec
from groundup.data.listing import changes, common
from groundup.data.module import ImageData
from groundup.data.specs import make_spec
from groundup.data.whose import has_our_keys
from groundup.errors import UserError
from groundup.printable import printable
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)


def spec_of_training(data: Mapping[str, Any], trained: DatasetSpec, seed: int) -> DatasetSpec:
    """What is known of the images that a network was trained and validated on.

    Raises:
        UserError: they have other classes than the network.
    """
    spec = make_spec(data) if has_our_keys(data) else look_at_data_module(data, seed)
    if spec.class_names != trained.class_names:
        raise UserError(
            f"data={spec.name}: its training images have other classes than the network; accepted: the same"
        )
    if not has_our_keys(data):
        return spec
    refuse_heavy_images(data, spec, spec.train_size)
    return replace(spec, mean=trained.mean, std=trained.std)


def turn_to(split: str, module: LightningDataModule, checkpoint: Mapping[str, Any]) -> None:
    """Makes the data ready to be evaluated on a split that is not its test: `train` is then given as `test`.

    Raises:
        UserError: there are no such images, they are others than those of the run, or nobody knows how to give them
            without augmentation.
    """
    if not isinstance(module, ImageData):
        if split == "train":
            raise UserError(
                "split=train: the data module gives its own loader of them, which may augment; accepted: val, test"
            )
        return
    _refuse_other_images(split, module, checkpoint.get(type(module).__qualname__, {}))
    module.prepare_data()
    module.setup("fit")
    module.tta = "none"
    if module.splits[split] is None:
        raise UserError(f"split={split}: the run has no such images; accepted: train, test")
    if split == "train":
        module.test_dataloader = lambda: module.evaluation_dataloader("train")  # type: ignore[method-assign]


def _refuse_other_images(split: str, module: ImageData, before: Mapping[str, Any]) -> None:
    """What has been trained on must not be taken for what was held out."""
    now = module.state_dict()
    different = [
        f"{key}={now[key]}, the run has {before[key]}"
        for key in sorted(before.keys() & now.keys())
        if not isinstance(now[key], Tensor) and before[key] != now[key]
    ]
    if changed := next(iter(different), None) or changes(before, now):
        raise UserError(f"split={split}: the images are others than those of the run ({changed}); accepted: the same")


def _say_that_a_part_is_tested(module: ImageData, files: Any) -> None:
    """Of class folders that are others than those of the run."""
    spec = module.spec
    if not isinstance(spec, FolderSpec) or not spec.is_cut or module.takes_all_to_test or files is None:
        return
    rest = [os.path.relpath(path, module.root) for paths in spec.folder.train.images.values() for path in paths]
    if rest and not common(files, rest):
        log.warning(
            f"data.root={module.root}: {spec.test_size:,} of {spec.test_size + len(rest):,} images are tested, as "
            "data.test_fraction says; 1 tests all of them"
        )


def refuse_trained_on(module: LightningDataModule, checkpoint: Mapping[str, Any]) -> None:
    """What is tested must not have been trained on, or validated on: a folder may have grown since its test was cut.

    Raises:
        UserError: images that are to be tested bear names of such.
    """
    if isinstance(module, ArrayData):
        before = checkpoint.get(type(module).__qualname__, {})
        module.refuse_other_labels(before)
        module.refuse_another_cut(before)
        module.warn_of_other_contents(before)
    if not isinstance(module, ImageData) or not isinstance(module.spec, FolderSpec):
        return
    files = checkpoint.get(type(module).__qualname__, {}).get("files")
    paths = (path for paths in module.spec.folder.test.images.values() for path in paths)
    known = common(files, (os.path.relpath(path, module.root) for path in paths)) if files is not None else []
    if not known:
        _say_that_a_part_is_tested(module, files)
        return
    what = f"{len(known):,} of the {module.spec.test_size:,} images to be tested bear names of images that the run was "
    what += f"trained or validated on, such as {printable(known[0])}"
    if module.takes_all_to_test:  # of another folder, say, whose files are called alike
        log.warning(f"data.root={module.root}: {what}")
        return
    raise UserError(
        f"data.root={module.root}: {what}: the test split is cut otherwise than the run's; put the folder and its "
        "keys back as they were, or if all these images are new, say data.test_fraction=1"
    )
