"""The files that a config was made of: somebody's own options beside ours, by `--config-dir` or `hydra.searchpath`.

Hydra takes the first of a name on its search path, which is ours, and puts what a file says below the key of its group,
unless the file says otherwise. It says nothing of either.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from groundup.command.mode import words_of
from groundup.command.words import split_values
from groundup.errors import UserError
from groundup.paths import CONF

PARTS = ("data", "model", "loss", "optimizer", "scheduler", "trainer", "callbacks", "logger", "hydra")  # keys of a run
ONE_PART = PARTS[:6]
LIST_OF_OPTIONS = re.compile(r"\+{0,2}([\w/]+)=\[(.*)\]")
PACKAGE = re.compile(r"^#\s*@package\s+(\S+)", re.MULTILINE)


def look_at_files(cfg: DictConfig, hydra: Any) -> None:
    """Looks at the options that were chosen for a run, whose config has, or had, Hydra's node `hydra`.

    Raises:
        UserError: one of ours hides somebody's own, or what a file says went to a key that nobody reads.
    """
    folders, chosen = folders_of(hydra), chosen_options(hydra)
    _refuse_several_parts(hydra, folders)
    for name in chosen:
        _refuse_hidden(name, folders)
        _refuse_without_package(name, cfg, folders)


def folders_of(hydra: Any) -> list[Path]:
    """The folders of the search path, the first found being the one that counts."""
    sources = [f"{source.schema}://{source.path}" for source in hydra.runtime.config_sources]
    return [folder for folder in map(folder_of, sources) if folder is not None and folder.is_dir()]


def folder_of(source: str, beside: Path = Path()) -> Path | None:
    """`file:///DIR`, `pkg://package.module` or `DIR` as a folder; None for what is none."""
    scheme, _, path = source.rpartition("://")
    if scheme in ("", "file"):
        return (beside / path).resolve()
    if scheme != "pkg" or path.split(".")[0].split("/")[0] == "hydra":
        return None
    try:
        found = importlib.util.find_spec(path.replace("/", "."))
    except (ImportError, ValueError):
        return None
    places = list(found.submodule_search_locations or ()) if found else []
    return Path(places[0]).resolve() if places else None


def chosen_options(hydra: Any) -> list[str]:
    """`model/cnn`, `experiment/mine`, …"""
    choices = OmegaConf.to_container(hydra.runtime.choices)
    assert isinstance(choices, dict)
    single = [f"{str(group).partition('@')[0]}/{option}" for group, option in choices.items() if option]
    return single + [f"{group}/{option}" for group, options in _lists(hydra) for option in options]


def _lists(hydra: Any) -> list[tuple[str, list[str]]]:
    """`logger=[tensorboard,csv]`, which Hydra does not count among the choices."""
    found = [LIST_OF_OPTIONS.fullmatch(word) for word in words_of(hydra)]
    return [(match[1], split_values(match[2])) for match in found if match]


def find(name: str, folders: Iterable[Path]) -> Path | None:
    """The file of an option: the first on the search path."""
    return next((file for folder in folders if (file := folder / f"{name}.yaml").is_file()), None)


def used_files(names: Iterable[str], folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """The files of these options, and of those beside them that they build on, as `default` in a defaults list."""
    for name in names:
        if file := find(name, folders):
            yield name, file
            beside = (entry for entry in defaults_of(file) if isinstance(entry, str) and entry != "_self_")
            group = name.rpartition("/")[0]
            yield from used_files((f"{group}/{entry}" for entry in beside if "/" not in entry), folders)


def in_which_file(key: str, hydra: Any) -> Path | None:
    """The file of somebody's own, among those chosen, that sets a key; None where none does."""
    folders = folders_of(hydra)
    for name, file in used_files(chosen_options(hydra), folders):
        if not file.is_relative_to(CONF) and _sets(file, name.rpartition("/")[0], key):
            return file
    return None


def with_files(message: str, hydra: Any) -> str:
    """A message whose lines begin with `KEY=VALUE: `: with the file that says so, where it was not typed."""
    typed = {word.lstrip("+~").partition("=")[0] for word in words_of(hydra)}
    lines = []
    for line in message.splitlines():
        key = line.partition("=")[0]
        known = re.fullmatch(r"[\w.]+", key) and key not in typed
        file = in_which_file(key, hydra) if known else None
        lines.append(f"{line} (in {file})" if file else line)
    return "\n".join(lines)


def package_of(file: Path) -> str | None:
    """What a file's first lines say of where its keys go."""
    found = PACKAGE.search(file.read_text(encoding="utf-8", errors="replace")[:512])
    return found[1] if found else None


def defaults_of(file: Path) -> list[Any]:
    """The entries of a file's defaults list."""
    content = _read(file)
    entries = content.get("defaults") if isinstance(content, dict) else None
    return entries if isinstance(entries, list) else []


def _refuse_several_parts(hydra: Any, folders: Sequence[Path]) -> None:
    """Hydra merges the options of a list: of two models the second, with what is left of the first."""
    for group, options in _lists(hydra):
        if group not in ONE_PART:
            continue
        parts = [name for name in options if (file := find(f"{group}/{name}", folders)) and _is_part(file)]
        if len(parts) > 1:
            listed = ",".join(parts)
            raise UserError(f"{group}=[{listed}]: a run has one; several are a sweep: -m {group}={listed}")


def _is_part(file: Path) -> bool:
    content = _read(file)
    return isinstance(content, dict) and bool({"_target_", "name"} & content.keys())


def _refuse_hidden(name: str, folders: Sequence[Path]) -> None:
    if len(folders) < 2 or CONF not in folders:
        return
    others = folders[folders.index(CONF) + 1 :]
    for used, file in used_files([name], folders):
        hidden = find(used, others)
        if hidden and file.is_relative_to(CONF) and hidden.read_bytes() != file.read_bytes():
            group, _, option = used.rpartition("/")
            raise UserError(
                f"{group}={option}: {hidden} is hidden by groundup's own option of that name, which is found first; "
                "give yours another name"
            )


def _refuse_without_package(name: str, cfg: Mapping[str, Any], folders: Sequence[Path]) -> None:
    group, _, option = name.rpartition("/")
    file = find(name, folders)
    if file is None or group in PARTS or group not in cfg or package_of(file):
        return
    raise UserError(
        f"{group}={option}: {file} does not begin with '# @package _global_', so all that it says went to a key of its "
        f"own, '{group}'; make that its first line"
    )


def _sets(file: Path, group: str, key: str) -> bool:
    package = package_of(file) or group.replace("/", ".")
    prefix = "" if package == "_global_" else package.replace("_group_", group.replace("/", ".")) + "."
    if not key.startswith(prefix):
        return False
    node = _read(file)
    for part in key.removeprefix(prefix).split("."):
        if not isinstance(node, dict) or part not in node:
            return False
        node = node[part]
    return True


def _read(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError):
        return None
