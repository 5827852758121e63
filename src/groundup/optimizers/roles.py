"""What a parameter is to an optimizer, told by its name and its shape."""

from __future__ import annotations

from typing import Any, Literal, get_args

from torch import Tensor
from torch.optim.optimizer import ParamsT

Role = Literal["matrix", "vector", "head", "stem"]
ROLES: tuple[Role, ...] = get_args(Role)


def role_of(name: str | None, parameter: Tensor) -> Role:
    """What a parameter is; one without a name is judged by its dimensions alone.

    Returns:
        `head`: of a module called `head`, the output layer; `stem`: of one called `whiten`, the whitening layer;
        `matrix`: any other of two dimensions or more; `vector`: the rest, biases and norms.
    """
    modules = name.split(".")[:-1] if name else []
    if "head" in modules:
        return "head"
    if "whiten" in modules:
        return "stem"
    return "matrix" if parameter.ndim >= 2 else "vector"


def by_role(params: ParamsT) -> list[tuple[Role, dict[str, Any]]]:
    """Parameters, as any optimizer is given them, in groups of one role each; of each group given matrices come first.

    Args:
        params: parameters, pairs of name and parameter, or groups of either; options of a group stay with its parts.
    """
    groups: list[Any] = list(params)
    if groups and not isinstance(groups[0], dict):
        groups = [{"params": groups}]
    return [
        (role, group | {"params": chosen})
        for group in groups
        for role, chosen in _split(group["params"]).items()
        if chosen
    ]


def _split(params: Any) -> dict[Role, list[Any]]:
    parts: dict[Role, list[Any]] = {role: [] for role in ROLES}
    for item in [params] if isinstance(params, Tensor) else params:
        name, parameter = item if isinstance(item, tuple) else (None, item)
        parts[role_of(name, parameter)].append(item)
    return parts
