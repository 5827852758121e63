"""The learning-rate schedule of a run, from the node of a config: a function of the step, or a scheduler of PyTorch."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any, get_args

import torch
from torch.optim.lr_scheduler import LRScheduler

from groundup.callbacks.options import Metric
from groundup.config.build import build, build_as_is
from groundup.config.schedulers import monitor_of, scheduler_of
from groundup.config.signature import TIMING
from groundup.errors import UserError
from groundup.learning.learner import Learner
from groundup.learning.schedules import Schedule
from groundup.learning.torch_schedulers import TorchScheduler
from groundup.run.kinds import described, refusal, told_of, told_of_function

SCHEDULE = (
    "a function of (step, total_steps, steps_per_epoch) to a factor of the learning rate, see scheduler=constant, "
    "step, cosine, onecycle, triangle; or a scheduler of torch.optim.lr_scheduler; a function itself, and a scheduler, "
    "with _partial_: true"
)
SCHEDULER = "a scheduler of torch.optim.lr_scheduler, made of the optimizer and of what else the node says"


def schedule(node: Mapping[str, Any]) -> Schedule | TorchScheduler:
    """The learning-rate schedule of a node, asked for two steps; or how it makes a scheduler of PyTorch.

    Raises:
        UserError: it does not answer with a factor.
    """
    if found := scheduler_of(node):
        timing = {key: node[key] for key in ("interval", "frequency") if key in node}
        return TorchScheduler(_scheduler(node), **timing, monitor=monitor_of(node, found))
    with told_of("scheduler", node, SCHEDULE), told_of_function(node):
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
            raise refusal("scheduler", node, f"gives {described(made)}", SCHEDULER)
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
    return _of_optimizer(value, optimizer) if _makes_scheduler(value) else value


def _makes_scheduler(value: Any) -> bool:
    """Whether an argument waits for the optimizer: one that is a function, such as `lr_lambda`, is meant itself."""
    if not isinstance(value, functools.partial):
        return False
    made = value.func
    while isinstance(made, functools.partial):
        made = made.func
    return issubclass(made, LRScheduler) if isinstance(made, type) else _first_argument(made) == "optimizer"


def _first_argument(function: Callable[..., Any]) -> str | None:
    return next(iter(inspect.signature(function).parameters), None)
