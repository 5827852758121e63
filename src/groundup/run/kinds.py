"""What each part of a run must be, told from the object itself, wherever it comes from, before it is trained with."""

from __future__ import annotations

import copy
import inspect
import math
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import Tensor, nn

from groundup.borrowed.hydra import locate
from groundup.config.build import build
from groundup.config.data_module import arguments_of, build_data_module
from groundup.config.rooms import options_of
from groundup.data.loader_spec import LoaderSpec
from groundup.data.loaders import take_over
from groundup.data.module import ImageData
from groundup.data.statistics import measured as measure
from groundup.data.whose import ACCEPTED, has_our_keys
from groundup.errors import UserError, log_of_tracebacks
from groundup.learning.learner import MakeOptimizer
from groundup.learning.numpy_net import NumPyNet
from groundup.models.options import Backbone
from groundup.numpy_nets.chain import Chain
from groundup.spec import DatasetSpec

NETWORK = "a torch.nn.Module from images (N, C, H, W) to logits (N, {classes}), which the project trains"
LOSS = (
    "a function of logits (N, {classes}) and classes (N,) to the mean loss, with _partial_: true, or a class of one, "
    "such as torch.nn.CrossEntropyLoss"
)
OPTIMIZER = "a torch.optim.Optimizer that takes one step for one gradient"

# What constructors raise about what they were given
_ABOUT_ARGUMENTS = (TypeError, ValueError, AttributeError, ImportError, MisconfigurationException)


@contextmanager
def told_of(place: str, node: Mapping[str, Any], accepted: str) -> Iterator[None]:
    """Names the node of the config where what is made of it, inside, goes wrong because of its arguments.

    Raises:
        UserError: with the place, its target, the cause and what is accepted.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        options = options_of(place.partition(".")[0], node)
        if options is not None and options.package is None and not isinstance(error, _ABOUT_ARGUMENTS):
            raise  # of a part of ours that is a bug
        log_of_tracebacks.error(f"traceback of {place}", exc_info=error)
        if options is not None and issubclass(options, Backbone):
            cause = _cause(error, str(node["_target_"])).rstrip(".")
            accepted = "another network, or a data.image_size that it takes"
            raise UserError(f"model.arch={node['arch']} with these images: {cause}; accepted: {accepted}") from error
        raise refusal(place, node, _cause(error, str(node["_target_"])), accepted) from error


@contextmanager
def told_of_function(node: Mapping[str, Any]) -> Iterator[None]:
    """Says how a function is meant itself, where calling it without arguments of the node fails."""
    try:
        yield
    except UserError as error:
        if node.get("_partial_") or not inspect.isfunction(locate(str(node["_target_"]))):
            raise
        raise UserError(f"{error}; where the function itself is meant, add _partial_: true") from error


def _cause(error: Exception, target: str) -> str:
    """What was raised, and where in the package of the target."""
    said = " ".join(str(error).split())
    cause = said if said and isinstance(error, _ABOUT_ARGUMENTS) else f"{type(error).__name__}: {said}".rstrip(": ")
    package = target.partition(".")[0]
    lines = [
        f"{Path(frame.f_code.co_filename).name}, line {number}"
        for frame, number in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__", "").partition(".")[0] == package != "groundup"
    ]
    return f"{cause} ({lines[-1]})" if lines else cause


def refusal(place: str, node: Mapping[str, Any], cause: str, accepted: str) -> UserError:
    """The error of a part that is not what it must be."""
    return UserError(f"{place}._target_={node['_target_']}: {cause}; accepted: {accepted}")


def data(node: Mapping[str, Any], spec: DatasetSpec, seed: int, passes: int = 1) -> LightningDataModule:
    """The data module of a node: `ImageData`, one derived from it, or one of somebody's own whose loaders are used.

    Args:
        passes: over the training images that make up an epoch.

    Raises:
        UserError: it is none.
    """
    with told_of("data", node, ACCEPTED):
        if has_our_keys(node):
            made = build(node, spec=spec, seed=seed)
            if not isinstance(made, LightningDataModule):
                raise refusal("data", node, f"gives {described(made)}", ACCEPTED)
            made.passes = passes  # type: ignore[attr-defined]
        else:
            made = build_data_module(node, seed, spec)
            prints = spec.prints if isinstance(spec, LoaderSpec) else None
            if "spec" in arguments_of(node):  # which it may make other images of
                prints = None
            take_over(made, str(node.get("name")), spec, seed, passes, prints)
    return made


def measured(node: Mapping[str, Any], spec: DatasetSpec, seed: int) -> tuple[DatasetSpec, dict[str, Any]]:
    """The spec with the mean and deviation of the training images, where the data asks for them, and what was read.

    Raises:
        UserError: the images cannot be read.
    """
    if not has_our_keys(node):
        return spec, {}
    made = data(node, spec, seed)
    if not isinstance(made, ImageData) or not made.measures:
        return spec, {}
    return measure(made), made.splits


def model(node: Mapping[str, Any], make: Callable[[], Any], spec: DatasetSpec) -> nn.Module:
    """The network that `make` makes, for these images, or the LightningModule; a hand-written one as a module.

    Raises:
        UserError: it is neither.
    """
    accepted = NETWORK.format(classes=spec.num_classes)
    with told_of("model", node, accepted):
        made = make()
    if isinstance(made, Chain):
        return NumPyNet(made)
    if isinstance(made, LightningModule):
        return made
    if isinstance(made, getattr(sys.modules.get("pytorch_lightning"), "LightningModule", ())):
        cause = f"{type(made).__name__} is a LightningModule of pytorch_lightning, another package"
        raise refusal("model", node, cause, "one of lightning.pytorch: import lightning.pytorch as pl")
    if not isinstance(made, nn.Module):
        raise refusal("model", node, f"gives {described(made)}, no network", accepted)
    return made


def loss(node: Mapping[str, Any], classes: int) -> Any:
    """The loss of a node, tried on logits of its own.

    Raises:
        UserError: it does not give one number, or that is a sum over the batch.
    """
    accepted = LOSS.format(classes=classes)
    with told_of("loss", node, accepted), told_of_function(node):
        made = build(node)
    logits, target = _trial_batch(classes)
    images = len(target)
    trial = copy.deepcopy(made) if isinstance(made, nn.Module) else made  # which may keep what it saw
    with warnings.catch_warnings(), torch.random.fork_rng([]), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            once, twice = trial(logits, target), trial(logits.repeat(2, 1), target.repeat(2))
        except Exception as error:  # whatever it says, it is no loss of these
            cause = " ".join(str(error).split())[:200]
            raise refusal("loss", node, f"{type(error).__name__}: {cause}", accepted) from error
    if not isinstance(once, Tensor) or once.numel() != 1:
        what = shape_of(once) if isinstance(once, Tensor) else described(once)
        raise refusal("loss", node, f"it gives {what} for {images} images, not their mean; reduction=mean?", accepted)
    once, twice = float(once), float(twice)
    if math.isclose(2 * once, twice, rel_tol=1e-4) and not math.isclose(once, twice, rel_tol=1e-4):
        raise refusal("loss", node, "it is the sum over the images, not their mean; reduction=mean?", accepted)
    return made


def _trial_batch(classes: int) -> tuple[Tensor, Tensor]:
    images = classes + 1  # another number than that of classes: no shape may fit by chance
    return torch.linspace(-1, 1, images * classes).sin().view(images, classes), torch.arange(images) % classes


def is_mean_over_images(loss: Any, classes: int) -> bool:
    """Whether a loss of a batch is the mean of those of its parts: not so with weights of classes, or some left out."""
    logits, target = _trial_batch(classes)
    trial = copy.deepcopy(loss).eval() if isinstance(loss, nn.Module) else loss
    parts = [slice(n, n + 1) for n in range(len(target))]
    with warnings.catch_warnings(), torch.random.fork_rng([]), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            whole = float(trial(logits.clone(), target))
            alone = [float(trial(logits[part].clone(), target[part])) for part in parts]
        except Exception:  # of any kind: it compares images with each other, and wants several
            return False
    return math.isclose(whole, math.fsum(alone) / len(alone), rel_tol=1e-4, abs_tol=1e-6)


def optimizer(node: Mapping[str, Any]) -> MakeOptimizer:
    """What makes the optimizer of a node from groups of parameters; with a word where it cannot.

    Raises:
        UserError: also when it is called: there is nothing to learn, or what it makes is no optimizer.
    """
    if not node.get("_partial_"):
        raise UserError("optimizer._partial_=false: must be true; the parameters come later")
    make = build(node)

    def make_optimizer(groups: Any) -> torch.optim.Optimizer:
        groups = list(groups)
        if not any(group["params"] for group in groups):
            raise UserError("model: none of its parameters requires a gradient, so there is nothing to learn")
        with told_of("optimizer", node, OPTIMIZER):
            made = make(groups)
        if isinstance(made, torch.optim.LBFGS) or not isinstance(made, torch.optim.Optimizer):
            raise refusal("optimizer", node, f"gives {described(made)}", OPTIMIZER)
        if not all("lr" in group for group in made.param_groups):
            raise refusal("optimizer", node, "its groups have no lr, which the schedule of the run sets", OPTIMIZER)
        if all(callable(getattr(made, mode, None)) for mode in ("train", "eval")):  # as those of schedulefree
            cause = "has train() and eval(), which nobody would call before and after an evaluation"
            raise refusal("optimizer", node, cause, "one whose steps leave the weights that are evaluated")
        return made

    return make_optimizer


def shape_of(tensor: Tensor) -> str:
    return f"a tensor of shape {tuple(tensor.shape)}"


def described(thing: Any) -> str:
    return f"an object of {type(thing).__module__}.{type(thing).__qualname__}"
