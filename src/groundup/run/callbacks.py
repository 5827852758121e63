"""The callbacks of a config, built, and refused where they would not do what they promise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import combinations
from typing import Any

from lightning.pytorch import Callback, callbacks
from lightning.pytorch.callbacks import (
    DeviceStatsMonitor,
    ModelCheckpoint,
    ProgressBar,
    ThroughputMonitor,
    Timer,
    WeightAveraging,
)
from lightning.pytorch.utilities.model_helpers import is_overridden

from groundup.borrowed.lightning import train_time_interval
from groundup.config.build import build_as_is
from groundup.config.trainer_arguments import REFUSED_CALLBACKS
from groundup.errors import UserError
from groundup.run.kinds import told_of

ACCEPTED = "a lightning.pytorch.Callback, one of your own too"


def build_callbacks(config: Mapping[str, Any]) -> list[Callback]:
    """The callbacks of a run's config, in its order; those that are null are left out.

    Raises:
        UserError: one of them is none, does not work here, or does not go with another.
    """
    made: dict[str, Callback] = {}
    for name, node in config["callbacks"].items():
        if node:
            with told_of(f"callbacks.{name}", node, ACCEPTED):
                made[name] = build_as_is(node)
    problems = [*_problems(made), *_clashes(made), *_missing(made, config)]
    if problems:
        raise UserError("\n".join(problems))
    return list(made.values())


def _problems(made: Mapping[str, Callback]) -> Iterator[str]:
    for name, callback in made.items():
        kind = type(callback)
        if not isinstance(callback, Callback):
            yield f"callbacks.{name}: an object of {kind.__module__}.{kind.__qualname__}; accepted: {ACCEPTED}"
        if refused := next(
            (name for name in REFUSED_CALLBACKS if isinstance(callback, getattr(callbacks, name))), None
        ):
            yield f"callbacks.{name}: Lightning's {refused} does not work here: {REFUSED_CALLBACKS[refused]}"
        if isinstance(callback, ModelCheckpoint):
            yield from _checkpoint_problems(name, callback)


def _checkpoint_problems(name: str, callback: ModelCheckpoint) -> Iterator[str]:
    """What would get into the way of best.ckpt and last.ckpt, or could not be resumed."""
    if callback.save_on_exception:
        yield f"callbacks.{name}.save_on_exception=true: {REFUSED_CALLBACKS['OnExceptionCheckpoint']}"
    interval = train_time_interval(callback)
    if interval is not None and not isinstance(interval, timedelta):  # Lightning asks for its seconds at the first step
        said = "must be a datetime.timedelta, as {_target_: datetime.timedelta, minutes: 5}"
        yield f"callbacks.{name}.train_time_interval={interval}: {said}"
    if callback.dirpath is not None:
        return
    if callback.save_last:
        yield f"callbacks.{name}.save_last={str(callback.save_last).lower()}: callbacks.checkpoints writes last.ckpt"
    if callback.filename in ("best", "last"):
        yield f"callbacks.{name}.filename={callback.filename}: it is a name of callbacks.checkpoints; give another"


def _clashes(made: Mapping[str, Callback]) -> Iterator[str]:
    for (first, one), (second, other) in combinations(made.items(), 2):
        if isinstance(one, ProgressBar) and isinstance(other, ProgressBar):
            yield f"callbacks.{first} and callbacks.{second}: two progress bars; leave one out: callbacks.{first}=null"
        elif isinstance(one, WeightAveraging) and isinstance(other, WeightAveraging):
            yield f"callbacks.{first} and callbacks.{second}: each would average what the other lends the network"
        elif _has_state(one) and _has_state(other) and one.state_key == other.state_key:
            yield (
                f"callbacks.{first} and callbacks.{second}: two of {type(one).__name__} that a checkpoint could not "
                f"tell apart; leave one out: callbacks.{second}=null, or give them other arguments"
            )


def _has_state(callback: Any) -> bool:
    return isinstance(callback, Callback) and is_overridden("state_dict", instance=callback, parent=Callback)


def _missing(made: Mapping[str, Callback], config: Mapping[str, Any]) -> Iterator[str]:
    for name, callback in made.items():
        if isinstance(callback, DeviceStatsMonitor | ThroughputMonitor) and not any(config["logger"].values()):
            yield f"callbacks.{name}: {type(callback).__name__} writes to loggers, and there is none; see logger=OPTION"
        if isinstance(callback, Timer) and config["trainer"].get("max_time") is not None:
            yield f"callbacks.{name}: a Timer beside trainer.max_time, which would be ignored; accepted: one of the two"
