"""What Hydra could not compose, in words for the user: key, value given, what is accepted, what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError

from groundup.suggest import nearest


def explain(error: Exception, overrides: Sequence[str], primary: Path, sweeps: bool) -> str:
    """One message for an error of Hydra's composition.

    Args:
        error: what Hydra raised.
        overrides: the words of the command line.
        primary: the command's own config file, in the folder of the groups.
        sweeps: whether the command takes several values for a key.
    """
    if isinstance(error, OverrideParseException):
        return _bad_grammar(error)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _no_such_option(error.missing_cfg_file, error.options or [])
    cause = error.__cause__
    if isinstance(cause, ConfigAttributeError | ConfigKeyError) and isinstance(cause.parent_node, DictConfig):
        return _no_such_key(cause, overrides, primary)
    message = str(error) or str(cause)
    if (group := re.match(r"Could not override '([^'/]+)'\. No match", message)) and primary.is_file():
        return _no_such_group(group[1], overrides, primary)
    if message.startswith("Error merging override ") and cause is not None:  # a value of a type that it cannot have
        return f"{message.removeprefix('Error merging override ')}: {str(cause).splitlines()[0]}"
    return _reworded(message, overrides, sweeps)


def accepted_keys(node: Any) -> list[str]:
    """The keys of a node that a user may set."""
    return [str(key) for key in node if not str(key).startswith("_") and key not in ("hydra", "name")]


def _bad_grammar(error: OverrideParseException) -> str:
    where = "" if "=" in error.override else f"; did you mean {error.override}=VALUE?"
    return (
        f"{error.override}: not a setting. Write KEY=VALUE without blanks around the sign{where}\n"
        "Quote a value that holds = , { [ or blanks: \"KEY='VALUE'\""
    )


def _no_such_option(missing: str, accepted: Sequence[str]) -> str:
    group, _, option = missing.partition("/")
    if group == "hydra":
        group, _, option = missing.rpartition("/")
    choices = [choice for choice in accepted if choice != "base"]
    if not choices:
        return f"{group}={option}: there is no {group} '{option}'; none exists"
    meant = nearest(option, choices)
    hint = f" did you mean {group}={meant}?" if meant else ""
    choices.sort(key=lambda choice: choice != meant)
    return f"{group}={option}: there is no {group} '{option}';{hint} Accepted: {', '.join(choices)}"


def _no_such_group(group: str, overrides: Sequence[str], primary: Path) -> str:
    """For a group of `conf/` that this command's config does not choose from."""
    given, value = _given(group, overrides)
    accepted = accepted_keys({key: None for key in yaml.safe_load(primary.read_text()) if key != "defaults"})
    accepted = list(dict.fromkeys(accepted + _groups(primary)))
    return f"{given}={value}: there is no key '{group}'. Accepted: {', '.join(accepted)}"


def _groups(primary: Path) -> list[str]:
    """The groups that a command's config chooses from, by its defaults list."""
    defaults = yaml.safe_load(primary.read_text()).get("defaults", [])
    chosen = [str(key) for entry in defaults if isinstance(entry, dict) for key in entry]
    return [group for group in chosen if " " not in group]  # not `override hydra/...`


def _no_such_key(cause: ConfigAttributeError | ConfigKeyError, overrides: Sequence[str], primary: Path) -> str:
    key = str(cause.full_key)
    given, value = _given(key, overrides)
    parent = key.rpartition(".")[0]
    prefix = f"{parent}." if parent else ""
    accepted = accepted_keys(cause.parent_node)
    if not parent:
        accepted = list(dict.fromkeys(accepted + _groups(primary)))
    chosen = "" if not parent or "name" not in cause.parent_node else f" with {parent}={cause.parent_node.name}"
    message = f"{given}={value}: there is no key '{key}'{chosen}"
    if parent == "trainer" and (advice := _trainer_advice(key.rpartition(".")[2], value)):
        return f"{message}{advice}"
    deeper = [] if parent else _deeper_keys(cause.parent_node)
    meant = nearest(key.removeprefix(prefix), [*accepted, *deeper])
    hint = f"; did you mean {prefix}{meant}={value}?" if meant else "."
    listed = f" Accepted: {', '.join(prefix + name for name in accepted)}" if accepted else ""
    return f"{message}{hint}{listed}"


def _given(key: str, overrides: Sequence[str]) -> tuple[str, str]:
    """The override, key and value, that `key` comes from."""
    for override in overrides:
        name, _, value = override.lstrip("+~").partition("=")
        if name == key or name.startswith(f"{key}."):
            return name, value
    return key, "..."


def _deeper_keys(cfg: DictConfig) -> Iterator[str]:
    """Keys of the nodes below the top, as `optimizer.lr`."""
    for name in accepted_keys(cfg):
        node = OmegaConf.to_container(cfg, resolve=False)[name]  # type: ignore[index,call-overload]
        if isinstance(node, dict):
            yield from (f"{name}.{key}" for key in accepted_keys(node))


def _trainer_advice(name: str, value: str) -> str | None:
    from groundup.trainer_arguments import SET_BY_THE_RUN, SET_BY_THE_RUN_HINT, TRAINER_ARGUMENTS

    if name in SET_BY_THE_RUN:
        return f"; {SET_BY_THE_RUN_HINT}"
    if name in TRAINER_ARGUMENTS:
        return f" in the config; Lightning's Trainer has it: add it with +trainer.{name}={value}"
    return None


def _reworded(message: str, overrides: Sequence[str], sweeps: bool) -> str:
    """Hydra's message without its advice to append a key and its search path."""
    if ambiguous := re.match(r"Ambiguous value for argument '(.*)'", message):
        key, _, values = ambiguous[1].partition("=")
        if not sweeps:
            return f"{ambiguous[1]}: accepted is one value; quote a path with a comma: \"{key}='{values}'\""
        return f"{ambiguous[1]}: several values are a sweep: add -m. A list is written {key}=[{values}]"
    if message.startswith("Config group override must be"):
        given = next((override for override in overrides if override.endswith("=null")), "GROUP=null")
        return f"{given}: a group is chosen by the name of an option, such as model=cnn"
    lines = [line for line in message.splitlines() if line.strip() and "+" not in line]
    return "\n".join(lines[:3]) or message
