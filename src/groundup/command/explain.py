"""What Hydra could not compose, in words for the user: key, value given, what is accepted, what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationResolutionError,
    OmegaConfBaseException,
    UnsupportedInterpolationType,
)

from groundup.command.config_files import find
from groundup.command.explain_files import explain_file, file_of_choice
from groundup.command.grammar import literal, wrong
from groundup.command.resolvers import options
from groundup.command.words import hide, show, split_values
from groundup.config.extras import LAUNCHERS, not_installed
from groundup.config.familiar import familiar, familiar_option
from groundup.config.interpolation import explain_interpolation, reason_of
from groundup.config.suggest import nearest
from groundup.errors import UserError, chain
from groundup.paths import CONF

UNRESOLVED = (InterpolationResolutionError, UnsupportedInterpolationType)


def explain(
    error: Exception, overrides: Sequence[str], primary: Path, sweeps: bool, folders: Sequence[Path] = ()
) -> str:
    """One message for an error of Hydra's composition.

    Args:
        error: what Hydra raised.
        overrides: the words of the command line.
        primary: the command's own config file, in the folder of the groups.
        sweeps: whether the command takes several values for a key.
        folders: of the search path.
    """
    if by_file := explain_file(error, overrides, folders):
        return by_file
    if isinstance(error, OverrideParseException):
        return _bad_grammar(error.override, overrides)
    if isinstance(error, KeyError | AssertionError | RuntimeError):
        return _of_hydras_own_node(error, overrides)
    if nameless := next((word for word in overrides if re.match(r"[+~]*(=|@|$)", word)), None):
        return wrong(nameless)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        message = _no_such_option(error.missing_cfg_file, error.options or [], primary.parent, overrides)
        file = file_of_choice(error.missing_cfg_file, overrides, folders)
        return f"{message} (in {file})" if file else message
    if unresolved := [cause for cause in chain(error) if isinstance(cause, UNRESOLVED)]:
        return _no_such_value(unresolved, overrides)
    cause = error.__cause__
    if isinstance(cause, ConfigAttributeError | ConfigKeyError) and isinstance(cause.parent_node, DictConfig):
        return _no_such_key(cause, overrides, primary)
    message = str(error) or str(cause)
    if (group := re.match(r"Could not override '([^'/]+)'\. No match", message)) and primary.is_file():
        return _no_such_group(group[1], overrides, primary, folders)
    if message.startswith("Error merging override ") and cause is not None:  # a value of a type that it cannot have
        return f"{message.removeprefix('Error merging override ')}: {str(cause).splitlines()[0]}"
    return _reworded(message, overrides, sweeps)


def _of_hydras_own_node(error: Exception, overrides: Sequence[str]) -> str:
    """For values of `hydra.job.env_copy` and `hydra.verbose`, which Hydra uses unchecked."""
    if isinstance(error, KeyError):
        given = next((word for word in overrides if "hydra.job.env_copy" in word), "hydra.job.env_copy")
        return f"{given}: there is no environment variable {error.args[0]}"
    if unknown := re.match(r"Unknown plugin class : '(.*)'", str(error)):
        return f"_target_: {unknown[1]}: there is no such plugin here; leave it out for groundup's own of that option"
    given = next((word for word in overrides if "hydra.verbose" in word), "hydra.verbose")
    return f"{given}: accepted: true, false, the name of a logger, or a list of names"


def _no_such_value(errors: Sequence[OmegaConfBaseException], overrides: Sequence[str]) -> str:
    """As `explain_interpolation`: of the word of the command line that it is in, where that can be told.

    A directory that is made of other keys passes on their errors as its own: the last one knows best.
    """
    keyed = [error for error in errors if error.full_key] or list(errors)
    message = explain_interpolation(keyed[-1])
    words = [word for word in overrides if "${" in word]
    given = next((word for word in words if message.startswith(word.lstrip("+").partition("=")[0] + "=")), None)
    return f"{given or words[0]}: {reason_of(errors[-1])}" if given or len(words) == 1 else message


def accepted_keys(node: Any) -> list[str]:
    """The keys of a node that a user may set."""
    return [str(key) for key in node if not str(key).startswith("_") and key not in ("hydra", "name")]


def _bad_grammar(refused: str, words: Sequence[str]) -> str:
    word = next((word for word in words if refused in (word, literal(word), hide(literal(word)))), show(refused))
    place = words.index(word) if word in words else len(words)
    end = place + 3 if words[place + 1 : place + 2] == ["="] else place + 2
    return wrong(word, "".join(words[max(place - 1, 0) : place]), "".join(words[place + 1 : end]))


def _no_such_option(missing: str, accepted: Sequence[str], conf: Path, overrides: Sequence[str]) -> str:
    group, within, option = missing.partition("/")
    if not within:
        return f"--config-name={missing}: there is no such config"
    if group == "hydra":
        group, _, option = missing.rpartition("/")
    choices = [choice for choice in accepted if choice != "base"] or options(conf, group)
    if group == "hydra/launcher":
        if option in LAUNCHERS:
            asked = next((word for word in overrides if word.startswith(f"{group}=")), f"{group}={option}")
            return not_installed(asked, *LAUNCHERS[option])
        choices = sorted({*choices, *LAUNCHERS})
    if not choices:
        return f"{group}={option}: there is no {group} '{option}'; none exists"
    meant = nearest(option, choices)
    here = familiar_option(group, option)
    hint = f"; here: {here}." if here else f"; did you mean {group}={meant}?" if meant else "."
    choices.sort(key=lambda choice: choice != meant)
    return f"{group}={option}: there is no {group} '{option}'{hint} Accepted: {', '.join(choices)}"


def _no_such_group(group: str, overrides: Sequence[str], primary: Path, folders: Sequence[Path]) -> str:
    """For a group of `conf/` that this command's config does not choose from."""
    given, value = _given(group, overrides)
    if (own := find(f"{group}/{value}", folders)) and not own.is_relative_to(CONF):
        return f"{given}={value}: no defaults list chooses from {group}; did you mean +{given}={value}?"
    accepted = accepted_keys({key: None for key in yaml.safe_load(primary.read_text()) if key != "defaults"})
    accepted = list(dict.fromkeys(accepted + _groups(primary)))
    return f"{given}={value}: there is no key '{group}'. Accepted: {', '.join(accepted)}"


def _groups(primary: Path) -> list[str]:
    """The groups that a command's config chooses from, by its defaults list."""
    defaults = yaml.safe_load(primary.read_text()).get("defaults", [])
    chosen = [str(key) for entry in defaults if isinstance(entry, dict) for key in entry]
    return [group for group in chosen if " " not in group and group != "hydra"]  # not `override hydra/...`


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
    if parent == "hydra.launcher":
        return f"{message}{chosen}; a launcher with settings is chosen by hydra/launcher=joblib or another"
    if parent == "hydra.sweeper" and "sampler" not in accepted:
        return f"{message}; a search has it: hydra/sweeper=optuna"
    if given == key and _may_be_added(key, cause.parent_node):
        return f"{message} in the config; {parent} takes it: add it with +{key}={value}"
    deeper = [] if parent else _deeper_keys(cause.parent_node)
    meant = nearest(key.removeprefix(prefix), [*accepted, *deeper])
    here = familiar(given, value, primary.stem) or familiar(key, value, primary.stem)
    if here and here != f"{prefix}{meant}={value}":
        return f"{message}; here: {here}"
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


def _may_be_added(key: str, parent: DictConfig) -> bool:
    """Whether a part has an argument that its YAML does not name: of its own, before what others call ours so."""
    from groundup.config.rooms import GROUPS, NAMED_GROUPS, options_of
    from groundup.config.signature import signature_of

    *place, name = key.split(".")
    node: Any = OmegaConf.to_container(parent, resolve=False)
    if not isinstance(node, dict) or not isinstance(node.get("_target_"), str):
        return False
    is_part = (GROUPS if len(place) == 1 else NAMED_GROUPS if len(place) == 2 else {}).get(place[0])
    group = place[0] if is_part else None
    options = options_of(group, node) if group else None
    if options is None or options.model_config.get("extra") == "allow":
        try:
            signature = signature_of(group, node)
        except UserError:  # there is no such part, which is said when it is there
            return False
        options = signature.options if signature else None
    fields = {} if options is None else options.model_fields
    return any(name == (field.alias or each) and field.repr for each, field in fields.items())


def _trainer_advice(name: str, value: str) -> str | None:
    from groundup.config.trainer_arguments import SET_BY_THE_RUN, SET_BY_THE_RUN_HINT, TRAINER_ARGUMENTS

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
            text = ",".join(piece.strip("'") for piece in split_values(values))
            return f"{key}={text}: accepted: one value; quote a path with a comma: \"{key}='{text}'\""
        return f"{ambiguous[1]}: several values are a sweep: add -m. A list is written {key}=[{values}]"
    if message.startswith("Config group override must be"):
        given = next((word for word in overrides if not _may_be_option(word)), "GROUP=null")
        nothing = "; nothing is logged with logger=none" if given.startswith("logger=") else ""
        return f"{given}: a group is chosen by the name of an option, such as model=cnn{nothing}"
    if twice := re.match("|".join(_THERE_ALREADY), message):
        key = next(filter(None, twice.groups()))
        given = next((word for word in overrides if word.startswith(f"+{key}=")), f"+{key}")
        return f"{given}: there is a key '{key}' already, which is set without the sign: {given[1:]}"
    if gone := re.match(r"Could not delete (?:from config\. )?(.*)", message):
        given = next((word for word in overrides if word.startswith("~")), "~KEY")
        return f"{given}: {gone[1]}, so it cannot be left out".replace(".,", ",")
    if swept := re.match(r"Sweeping over Hydra's configuration is not supported : '(.*)'", message):
        return f"{swept[1]}: it holds for the whole sweep; accepted: one value"
    if unknown := re.match(r"Could not override '(.*)'\.", message):
        given = next((word for word in overrides if word.lstrip("+").startswith(f"{unknown[1]}=")), unknown[1])
        return f"{given}: there is no group '{unknown[1]}'"
    if dynamic := re.match(r"Error resolving interpolation '(.*?)'", message):
        given = next((word for word in overrides if dynamic[1] in word), dynamic[1])
        return f"{given}: an option of a group must be given by its name, such as model=cnn"
    if message.startswith("Cannot instantiate config"):
        given = next((word for word in overrides if "hydra.callbacks." in word), "hydra.callbacks")
        return f"{given}: must be keys with a _target_"
    lines = [line for line in message.splitlines() if line.strip() and "+" not in line]
    if keyed := re.search(r"full_key: (\S+)", message):
        return f"{keyed[1]}: {lines[0].partition(', set env var')[0]}"
    return "\n".join(lines[:3]) or message


def _may_be_option(word: str) -> bool:
    """Whether a setting may be the choice of an option: its key has no dot, its value is a string."""
    key, _, value = word.partition("=")
    return "." in key or isinstance(yaml.safe_load(value), str | list)


_THERE_ALREADY = (  # what Hydra says of `+KEY=VALUE` where it has one: of a group, optional or not, and of a value
    r"Multiple values for (\S+)\. To override",
    r"(\S+) appears more than once in the final defaults list",
    r"Could not append to config\. An item is already at '(\S+)'",
)
