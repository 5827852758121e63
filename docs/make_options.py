"""Writes docs/reference/options.md from conf/ and the options beside the classes: python docs/make_options.py"""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from groundup.config.options import Evaluate, EvaluateData, Export, Predict, PredictData, Run, Study, Sweep
from groundup.config.rooms import GROUPS, NAMED_GROUPS, options_of
from groundup.config.signature import signature_of
from groundup.config.trainer_options import TrainerKeys
from groundup.options import Node

PROJECT = Path(__file__).parents[1]
CONF = PROJECT / "conf"
RECIPES = {
    "experiment": "A recipe changes several groups and keys at once. Its file says which, and the result to expect.",
    "debug": "A debug option changes a run so that a fault shows soon.",
}
COMMANDS: dict[str, type[Node]] = {"train": Run, "evaluate": Evaluate, "predict": Predict, "export": Export}
KEYS_OF = {"train": "run"}  # the file that has them, where it is not the command's own
WITHIN: dict[str, type[Node]] = {"sweep": Sweep, "data": EvaluateData}  # groups of keys of a command
ALL_GROUPS = {
    "data": "The images, and how batches are made of them.",
    "model": "The network, or a way of learning with its network.",
    "loss": "What training makes small.",
    "optimizer": "The rule that updates the weights.",
    "scheduler": "The course of the learning rate.",
    "trainer": "How long, on which device and in which precision a run trains.",
    "callbacks": "What is watched, written and done while a network learns.",
    "logger": "Where the figures of a run are written.",
}
HYDRA = {  # groups of Hydra's that this project adds options to
    "hydra/sweeper": ("groundup", "optuna"),
    "hydra/launcher": ("slurm", "stacked"),
}
HYDRA_GROUPS = {
    "hydra/sweeper": "What chooses the jobs of a command with `-m`; the default is `groundup`.",
    "hydra/launcher": "What runs the jobs of a command with `-m`. Without this option they run one by one in one "
    "process. `joblib`, `submitit_local`, `submitit_slurm` and `ray` are options of Hydra's plugins, with their keys.",
}
ONE = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "`true`, `false`",
    "object": "keys with values",
}
SEVERAL = {"integer": "whole numbers", "number": "numbers", "array": "lists", "string": "texts"}
SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
BEGINNING = """# Options

This page has every group of `conf/`, every option of a group, and every key with its type, range and default. It is
made by `python docs/make_options.py` from the YAML files and from the options beside the classes, and a test holds it
to them.

`GROUP=OPTION` chooses an option, as in `model=mlp`. `KEY=VALUE` sets a key, as in `model.dropout=0.2`. A list is
written `[a,b]`; a comma without brackets separates the values of a sweep. `python train.py --cfg job` prints all keys
of a run with their values. [Commands](commands.md) describes the command line.
"""
CODE = re.compile(  # what a comment says in the words of the command line
    r"""`[^`]*` | pip\ install\ "[^"]+"
      | \$\w+ | sqlite:///\w+                                 # variables, addresses
      | \+?(?<![\w/(])(?:\w+[/.])*\w+=\S+?(?=[.,;:)]*(?:\s|$))  # settings
      | [a-z_]\w*(?:\.[A-Za-z_]\w*)+                          # keys and files
      | \b(?:[A-Za-z]\w*/)+[A-Za-z*][\w*.]*(?<!\.)            # metrics and folders
      | \b[a-z]\w*_\w+\b                                     # names
      | (?<![\w=])\[+[^\]]+\](?:,\[[^\]]*\])*\]*              # lists
      | \b(?:null|true|false|auto)\b
    """,
    re.VERBOSE,
)


class Entry(NamedTuple):
    """A line of a YAML file: its dotted key, the value as it is written, the comment behind or above it."""

    key: str
    value: str
    comment: str


def page() -> str:
    """All of it, in Markdown."""
    groups = (*GROUPS, "trainer", *NAMED_GROUPS)
    sections = [BEGINNING, "## Groups\n", "| group | options |\n| --- | --- |"]
    sections += [f"| [`{group}`](#{group}) | {_links(group)} |" for group in (*groups, *RECIPES)]
    sections += [f"| [`{group}`](#{_anchor(group)}) | {_links(group)} |" for group in HYDRA]
    sections.append("")
    sections += [f"## Keys of {command}.py\n\n{_command(command, options)}" for command, options in COMMANDS.items()]
    for group in groups:
        sections += [f"## {group}\n\n{ALL_GROUPS[group]}\n", *(_option(group, file) for file in _files(group))]
    sections += [_recipes(group) for group in RECIPES]
    for group, names in HYDRA.items():
        sections += [f"## {group}\n\n{_wrapped(HYDRA_GROUPS[group])}\n", *(_of_hydra(group, name) for name in names)]
    return "\n".join(sections)


def _links(group: str) -> str:
    if group in RECIPES:
        return f"[{len(_recipe_files(group))} recipes](#{group})"
    names = HYDRA.get(group) or [file.stem for file in _files(group) if file.stem != "base"]
    return ", ".join(f"[`{name}`](#{_anchor(f'{group}={name}')})" for name in names)


def _anchor(title: str) -> str:
    """As GitHub and MyST make it of a heading."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _files(group: str) -> list[Path]:
    """What others build on comes first."""
    return sorted((CONF / group).glob("*.yaml"), key=lambda file: (file.stem not in ("base", "default"), file.stem))


def _option(group: str, file: Path) -> str:
    title = "Every data set" if file.stem == "base" else f"{group}={file.stem}"
    rows = list(_named_rows(group, file) if group in NAMED_GROUPS else _rows(group, file))
    shared = ["It has [the keys of every data set](#every-data-set) too.\n"] if _builds_on(file, "base") else []
    shared += ["It has [the parts of the default](#callbacksdefault) too.\n"] if _builds_on(file, "default") else []
    return "\n".join([f"### {title}\n", f"{_wrapped(_header(file))}\n", *shared, *([_table(rows)] if rows else [])])


def _builds_on(file: Path, other: str) -> bool:
    return re.search(rf"^  - {other}$", file.read_text(), re.MULTILINE) is not None


def _rows(group: str, file: Path) -> Iterator[str]:
    """Of the keys that the file itself has; what its part is may be said by the one that it builds on."""
    base = file.with_stem("base")
    node = {entry.key: entry.value for each in (base, file) if each.is_file() for entry in _entries(each)}
    options = TrainerKeys if group == "trainer" else _options_of(group, node)
    for entry in filter(_is_key, _entries(file)):
        yield _row(f"{group}.{entry.key}", entry, options, entry.key)


def _named_rows(group: str, file: Path) -> Iterator[str]:
    """Of each part that the file itself has, and of its keys."""
    parts: dict[str, list[Entry]] = {}
    for entry in _entries(file):
        parts.setdefault(entry.key.partition(".")[0], []).append(entry)
    for name, (part, target, *entries) in parts.items():
        yield _line(f"{group}.{name}", "part or `null`", "present", part.comment)
        for entry in filter(_is_key, entries):
            leaf = entry.key.partition(".")[2]
            yield _row(f"{group}.{entry.key}", entry, _options_of(group, {"_target_": target.value}), leaf)


def _options_of(group: str, node: Mapping[str, Any]) -> type[Node] | None:
    """Of a part without options, what its signature says."""
    if options := options_of(group, node):
        return options
    signature = signature_of(group, node)
    return signature.options if signature else None


def _command(command: str, options: type[Node]) -> str:
    """The keys of a command that are no group."""
    rows = []
    file = CONF / f"{KEYS_OF.get(command, command)}.yaml"
    for entry in _entries(file):
        place, _, leaf = entry.key.rpartition(".")
        if not entry.key.startswith("hydra") and leaf not in WITHIN:
            within = PredictData if options is Predict else WITHIN.get(place, options)
            rows.append(_row(entry.key, entry, within if place else options, leaf))
    return _table(rows)


def _recipe_files(group: str) -> list[Path]:
    return sorted((CONF / group).rglob("*.yaml"))


def _recipes(group: str) -> str:
    files = _recipe_files(group)
    rows = [f"| `{group}={file.relative_to(CONF / group).with_suffix('')}` | {_header(file)} |" for file in files]
    return "\n".join([f"## {group}\n\n{RECIPES[group]}\n", "| option | meaning |", "| --- | --- |", *rows, ""])


def _of_hydra(group: str, name: str) -> str:
    """An option of one of Hydra's groups, whose keys have no class of options but those of a study."""
    file = CONF / group / f"{name}.yaml"
    prefix = group.replace("/", ".")
    rows = []
    for entry in filter(_is_key, _entries(file)):
        if entry.key in Study.model_fields:
            rows.append(_row(f"{prefix}.{entry.key}", entry, Study, entry.key))
        else:
            kind = "text or `null`" if entry.value == "null" else "whole number"
            rows.append(_line(f"{prefix}.{entry.key}", kind, f"`{entry.value}`", entry.comment))
    return f"### {group}={name}\n\n{_wrapped(_header(file))}\n\n{_table(rows)}"


def _table(rows: list[str]) -> str:
    return "\n".join(["| key | type and range | default | meaning |", "| --- | --- | --- | --- |", *rows, ""])


def _row(key: str, entry: Entry, options: type[Node] | None, leaf: str) -> str:
    assert options is not None, key
    return _line(
        key, accepted(options, leaf), f"`{entry.value}`" if entry.value != "???" else "must be given", entry.comment
    )


def _line(key: str, values: str, default: str, meaning: str) -> str:
    return f"| `{key}` | {values} | {default} | {_meaning(meaning, values)} |".replace("  ", " ")


def _meaning(comment: str, values: str) -> str:
    """The comment, without the values that it lists for whoever reads the file, and with those that it tells of."""
    said = set(re.findall(r"`(.*?)`", values))
    if (listed := re.search(r": ([\w/, ;]+)\.$", comment)) and set(re.findall(r"\w+", listed[1])) - {"or"} <= said:
        comment = f"{comment[: listed.start()]}."
    return _code(comment, said)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 125, break_long_words=False, break_on_hyphens=False)


def _code(text: str, values: Collection[str] = ()) -> str:
    """With backticks around what is typed, where they are not there yet."""
    text = CODE.sub(lambda found: f"`{found[0].strip('`')}`", text)
    names = [re.escape(value) for value in values if not value[0].isdigit() or "-" in value]
    words = re.compile(rf"`[^`]*`|(?<![\w-])(?:{'|'.join(names) or '$^'})(?![\w-])")
    return words.sub(lambda found: f"`{found[0].strip('`')}`", text)


def _is_key(entry: Entry) -> bool:
    """Whether a user may set it: not what says which part it is."""
    leaf = entry.key.rpartition(".")[2]
    return not leaf.startswith("_") and leaf != "name"


# What a file says


def _entries(file: Path) -> Iterator[Entry]:
    parents: list[str] = []
    above: list[str] = []
    lines = iter(file.read_text().splitlines())
    for line in itertools.dropwhile(lambda line: line.startswith("#"), lines):  # the header
        if found := re.match(r"( *)(\w+):(?: +([^#\s].*?))?(?: +# (.*))?$", line):
            indent, key, value, comment = found.groups()
            parents = [*parents[: len(indent) // 2], key]
            if parents[0] != "defaults":
                yield Entry(".".join(parents), value or "", comment or " ".join(above))
        above = [*above, line.strip().removeprefix("# ")] if line.strip().startswith("# ") else []


def _header(file: Path) -> str:
    """The comment that a file begins with, up to its command or its result."""
    lines = [line for line in file.read_text().splitlines() if not line.startswith("# @")]
    comments = itertools.takewhile(lambda line: line.startswith("#"), lines)
    header = " ".join(line.removeprefix("#").strip() for line in comments)
    header = re.split(r":? +python |[.:]? Expected result", header)[0].rstrip(":")
    return _code(header if header.endswith((".", "?")) else f"{header}.")


# What is accepted


def accepted(options: type[Node], key: str) -> str:
    """The values of a key in words."""
    schema = options.model_json_schema()["properties"][key]
    return _words(schema) or _refusal(options, key)


def _words(schema: dict[str, Any], kinds: Mapping[str, str] = ONE) -> str:
    if "anyOf" in schema:
        return " or ".join(_words(member) for member in schema["anyOf"])
    if values := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return ", ".join(f"`{value}`" for value in values)
    kind = schema.get("type", "")
    if kind == "null":
        return "`null`"
    if kind == "array":
        least = "at least one of " if schema.get("minItems") else ""
        return f"{kinds.get(kind, 'list')} of {least}{_words(schema['items'], SEVERAL)}"
    bounds = [f"{sign} {schema[name]:,}" for name, sign in SIGNS.items() if name in schema]
    return f"{kinds.get(kind, '')} {' and '.join(bounds)}".strip()


def _refusal(options: type[Node], key: str) -> str:
    """In the words in which a value of no kind is refused."""
    if key not in options.model_fields:  # of a signature, which has them by other names
        return "what the class takes"
    for validator in options.model_fields[key].metadata:
        try:
            assert isinstance(validator, AfterValidator)
            validator.func(object())  # type: ignore[call-arg]
        except PydanticCustomError as error:
            return error.message().removeprefix("must be ")
    raise AssertionError(f"{key}: takes anything")


if __name__ == "__main__":
    (PROJECT / "docs" / "reference" / "options.md").write_text(page())
