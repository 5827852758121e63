"""What each part of a run must be, told from the object itself, wherever it comes from, before it is trained with."""

from __future__ import annotations

import copy
import functools
import inspect
import math
import sys
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from typing import Any, get_args

import torch
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from groundup.borrowed.hydra import locate
from groundup.callbacks.options import Metric
from groundup.config.build import build, build_as_is
from groundup.config.data_module import arguments_of, build_data_module
from groundup.config.rooms import options_of
from groundup.config.schedulers import monitor_of, scheduler_of
from groundup.config.signature import TIMING
from groundup.data.loader_spec import LoaderSpec
from groundup.data.loaders import take_over
from groundup.data.whose import ACCEPTED, has_our_keys
from groundup.errors import UserError, log_of_tracebacks
from groundup.learning.learner import Learner, MakeOptimizer
from groundup.learning.numpy_net import NumPyNet
from groundup.learning.schedules import Schedule
from groundup.learning.torch_schedulers import TorchScheduler
from groundup.models.summary import untouched
from groundup.numpy_nets.chain import Chain
from groundup.spec import DatasetSpec

NETWORK = "a torch.nn.Module from images (N, C, H, W) to logits (N, {classes}), which the project trains"
ANSWER = (
    "to predict, a LightningModule with a forward from images (N, C, H, W) to logits, log-probabilities or "
    "probabilities (N, {classes})"
)
LOSS = (
    "a function of logits (N, {classes}) and classes (N,) to the mean loss, with _partial_: true, or a class of one, "
    "such as torch.nn.CrossEntropyLoss"
)
SCHEDULE = (
    "a function of (step, total_steps, steps_per_epoch) to a factor of the learning rate, see scheduler=constant, "
    "step, cosine, onecycle, triangle; or a scheduler of torch.optim.lr_scheduler; a function itself, and a scheduler, "
    "with _partial_: true"
)
SCHEDULER = "a scheduler of torch.optim.lr_scheduler, made of the optimizer and of what else the node says"
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
        if options_of(place.partition(".")[0], node) is not None and not isinstance(error, _ABOUT_ARGUMENTS):
            raise  # of a part of ours that is a bug
        log_of_tracebacks.error(f"traceback of {place}", exc_info=error)
        raise refusal(place, node, _cause(error, str(node["_target_"])), accepted) from error


@contextmanager
def _of_function(node: Mapping[str, Any]) -> Iterator[None]:
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
            made.passes = passes
        else:
            made = build_data_module(node, seed, spec)
            prints = spec.prints if isinstance(spec, LoaderSpec) else None
            if "spec" in arguments_of(node):  # which it may make other images of
                prints = None
            take_over(made, str(node.get("name")), spec, seed, passes, prints)
    return made


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
        raise refusal("model", node, f"gives {_a(made)}, no network", accepted)
    return made


def check_output(node: Mapping[str, Any], net: nn.Module, spec: DatasetSpec) -> None:
    """Refuses a network whose answer to two images is not two rows of logits.

    Raises:
        UserError: as said.
    """
    _try_answer(node, net, spec, NETWORK.format(classes=spec.num_classes))


def check_answer(node: Mapping[str, Any], module: nn.Module, spec: DatasetSpec) -> None:
    """Refuses a LightningModule that nothing can be predicted with: its forward does not give a row for each image.

    Raises:
        UserError: as said.
    """
    _try_answer(node, module, spec, ANSWER.format(classes=spec.num_classes))


def _try_answer(node: Mapping[str, Any], net: nn.Module, spec: DatasetSpec, accepted: str) -> None:
    before = set(net.state_dict())
    with told_of("model", node, accepted), untouched(net) as like:
        images = torch.zeros(2, spec.channels, *spec.image_size, dtype=like.dtype, device=like.device)
        logits = net(images)
    refuse_late_layers(node, before, net)
    if not isinstance(logits, Tensor):
        raise refusal("model", node, f"it answers images with {_a(logits)}", accepted)
    if logits.shape != (2, spec.num_classes):
        cause = f"it answers 2 images with {_shape(logits)}, data={spec.name} has {spec.num_classes} classes"
        raise refusal("model", node, cause, accepted)
    if not logits.is_floating_point():
        raise refusal("model", node, f"it answers images with numbers of {logits.dtype}", accepted)


def loss(node: Mapping[str, Any], classes: int) -> Any:
    """The loss of a node, tried on logits of its own.

    Raises:
        UserError: it does not give one number, or that is a sum over the batch.
    """
    accepted = LOSS.format(classes=classes)
    with told_of("loss", node, accepted), _of_function(node):
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
        what = _shape(once) if isinstance(once, Tensor) else _a(once)
        raise refusal("loss", node, f"it gives {what} for {images} images, not their mean; reduction=mean?", accepted)
    once, twice = float(once), float(twice)
    if math.isclose(2 * once, twice, rel_tol=1e-4) and not math.isclose(once, twice, rel_tol=1e-4):
        raise refusal("loss", node, "it is the sum over the images, not their mean; reduction=mean?", accepted)
    return made


def refuse_late_layers(node: Mapping[str, Any], before: Collection[str], net: nn.Module) -> None:
    """Refuses a network with other weights than `before` it saw images: the optimizer would not know them.

    Raises:
        UserError: as said.
    """
    if late := sorted(set(before) ^ set(net.state_dict())):
        accepted = "layers made in __init__, such as torch.nn.LazyLinear"
        raise refusal("model", node, f"its forward makes or takes away {', '.join(late[:3])}", accepted)


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


def schedule(node: Mapping[str, Any]) -> Schedule | TorchScheduler:
    """The learning-rate schedule of a node, asked for two steps; or how it makes a scheduler of PyTorch.

    Raises:
        UserError: it does not answer with a factor.
    """
    if found := scheduler_of(node):
        timing = {key: node[key] for key in ("interval", "frequency") if key in node}
        return TorchScheduler(_scheduler(node), **timing, monitor=monitor_of(node, found))
    with told_of("scheduler", node, SCHEDULE), _of_function(node):
        made = build(node)
        factors = [made(step, 100, 10) for step in (0, 99)]
    if not all(isinstance(factor, Real) and 0 <= factor < math.inf for factor in factors):  # type: ignore[operator]
        raise refusal("scheduler", node, f"its factors for the first and last step are {factors}", SCHEDULE)
    return made


def _scheduler(node: Mapping[str, Any]) -> Callable[[torch.optim.Optimizer], LRScheduler]:
    """What makes the scheduler of a node; with a word where it cannot."""
    make = build_as_is({key: value for key, value in node.items() if key not in (*TIMING, "name")})

    def make_scheduler(optimizer: torch.optim.Optimizer) -> LRScheduler:
        with told_of("scheduler", node, SCHEDULER):
            made = _of_optimizer(make, optimizer)
        if not isinstance(made, LRScheduler):
            raise refusal("scheduler", node, f"gives {_a(made)}", SCHEDULER)
        return made

    return make_scheduler


def try_scheduler(learner: Learner) -> None:
    """Makes a scheduler of PyTorch once for nothing: what is wrong with it is said before any data are read.

    Raises:
        UserError: it cannot be made, or goes by a metric that there is not.
    """
    schedule = learner.lr_schedule
    if not isinstance(schedule, TorchScheduler):
        return
    learner.configure_optimizers()
    way = type(learner)
    has_more = way.further_metrics is not Learner.further_metrics or way.train_metrics is not Learner.train_metrics
    metrics = get_args(Metric)
    if schedule.monitor and schedule.monitor not in metrics and not has_more:
        raise UserError(f"scheduler.monitor={schedule.monitor}: no such metric; accepted: {', '.join(metrics)}")


def _of_optimizer(make: functools.partial, optimizer: torch.optim.Optimizer) -> LRScheduler:
    """A scheduler, and before it those that it is made of."""
    while isinstance(make.func, functools.partial):
        make = make.func
    within = {key: _made_within(value, optimizer) for key, value in make.keywords.items()}
    by_name = "optimizer" in inspect.signature(make.func).parameters  # the first of all but one, ChainedScheduler
    return make.func(**within, optimizer=optimizer) if by_name else make.func(optimizer, **within)


def _made_within(value: Any, optimizer: torch.optim.Optimizer) -> Any:
    if isinstance(value, list):
        return [_made_within(item, optimizer) for item in value]
    return _of_optimizer(value, optimizer) if isinstance(value, functools.partial) else value


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
            raise UserError("model: no parameter of it wants a gradient, so that there is nothing to learn")
        with told_of("optimizer", node, OPTIMIZER):
            made = make(groups)
        if isinstance(made, torch.optim.LBFGS) or not isinstance(made, torch.optim.Optimizer):
            raise refusal("optimizer", node, f"gives {_a(made)}", OPTIMIZER)
        if not all("lr" in group for group in made.param_groups):
            raise refusal("optimizer", node, "its groups have no lr, which the schedule of the run sets", OPTIMIZER)
        if all(callable(getattr(made, mode, None)) for mode in ("train", "eval")):  # as those of schedulefree
            cause = "has train() and eval(), which nobody would call before and after an evaluation"
            raise refusal("optimizer", node, cause, "one whose steps leave the weights that are evaluated")
        return made

    return make_optimizer


def _shape(tensor: Tensor) -> str:
    return f"a tensor of shape {tuple(tensor.shape)}"


def _a(thing: Any) -> str:
    return f"an object of {type(thing).__module__}.{type(thing).__qualname__}"
