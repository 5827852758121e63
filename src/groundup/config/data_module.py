"""A data module of somebody else's, made from its node; and what a model must know of it, found out once."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Mapping
from typing import Any

from groundup.config.build import build, named_arguments
from groundup.data.whose import refusal, refuse_no_data_module, theirs
from groundup.spec import DatasetSpec

NUMBER = "num_classes"  # see data.loader_spec


def build_data_module(data: Mapping[str, Any], seed: int, spec: DatasetSpec | None = None) -> Any:
    """The LightningDataModule of a node. It is given `spec` and `seed` where its signature names them.

    What it draws from the common generators when it is made and set up follows from the seed, and is always the same.

    Raises:
        UserError: it is none, or does not take what the node says.
    """
    named = arguments_of(data)
    from groundup.data.common_random import seed_setup, setting_up

    extra: dict[str, Any] = {"seed": seed} if "seed" in named and "seed" not in data else {}
    if "spec" in named and "spec" not in data:
        if spec is None and named["spec"].default is inspect.Parameter.empty:
            raise refusal(
                data,
                "its constructor asks for a spec, which is read from the data module itself",
                "one without this argument",
            )
        extra |= {} if spec is None else {"spec": spec}
    _, takes_any = named_arguments(theirs(data))
    ours = {NUMBER} - ({NUMBER} if takes_any else named.keys())  # what a look at it is told, and it is not
    with setting_up(seed):
        made = build({key: value for key, value in data.items() if key not in ours}, **extra)
    refuse_no_data_module(data, type(made))
    seed_setup(made, seed)
    return made


def look_at_data_module(data: Mapping[str, Any], seed: int) -> DatasetSpec:
    """What its loaders give, see `data.loader_spec`. Of equal nodes and seeds it is looked at once in a process.

    Raises:
        UserError: as said there.
    """
    return _look(theirs(data), json.dumps(dict(data), sort_keys=True, default=str), seed)


def look_at_test_data(data: Mapping[str, Any], trained: DatasetSpec, seed: int) -> DatasetSpec:
    """What its test loader gives a network that was trained on `trained`.

    Raises:
        UserError: as said in `data.loader_spec`.
    """
    from groundup.data.loader_spec import loader_test_spec

    return loader_test_spec(functools.partial(build_data_module, data, seed, trained), data, trained)


@functools.cache
def _look(target: Any, node: str, seed: int) -> DatasetSpec:
    from groundup.data.loader_spec import loader_spec

    data = json.loads(node)
    return loader_spec(functools.partial(build_data_module, data, seed), data)


def arguments_of(data: Mapping[str, Any]) -> dict[str, inspect.Parameter]:
    """Those that the target of a node names; keys without names, `**options`, are none."""
    try:
        parameters = inspect.signature(theirs(data)).parameters.values()
    except (TypeError, ValueError):  # it does not tell
        return {}
    return {each.name: each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}
