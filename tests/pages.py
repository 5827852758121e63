"""The pages of the documentation, README.md and docs/, as a reader of Markdown sees them: blocks, commands, links."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

PROJECT = Path(__file__).parents[1]
DOCS = PROJECT / "docs"
MADE = ("_build", "jupyter_execute")  # by Sphinx, and ignored by git
SITE = sorted(page for page in DOCS.rglob("*.md") if page.relative_to(DOCS).parts[0] not in MADE)
PAGES = [PROJECT / "README.md", *SITE]
COMMAND = "train|evaluate|predict|export|report|measure"
TYPED = re.compile(rf"(?:python ({COMMAND})\.py|groundup ({COMMAND}|new))(?= |$)")
OPEN = re.compile(r"…|\.\.\.|\b(?:NAME|KEY|VALUE|GROUP|OPTION|COMMAND)\b")  # a form, not a command
ASSIGNED = re.compile(r"^(?:[A-Z_]+=\S+ )+")
PATH = re.compile(r"(?<![\w/.-])(?:tests|docs|benchmarks|notebooks)/[\w./*…-]+\.\w+")
FILE = re.compile(r"# (\S+/\S+\.(?:py|yaml))\n")  # the first line of a block that is a file


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str


class Command(NamedTuple):
    """A command of a page: `python train.py -m seed=0,1` is ("train", ["-m", "seed=0,1"])."""

    name: str
    words: list[str]


def name_of(page: Path) -> str:
    return str(page.relative_to(PROJECT))


@functools.cache
def tokens(page: Path) -> list[Token]:
    """Of the whole page, those within a line too."""
    flat = []
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text()):
        flat += [token, *(token.children or [])]
    return flat


def blocks(page: Path) -> list[Block]:
    return [Block(token.info.strip(), token.content) for token in tokens(page) if token.type == "fence"]


def files(page: Path) -> dict[str, str]:
    """What a page has its readers write: the text of each file by its path."""
    return {found[1]: text[found.end() :] for _, text in blocks(page) if (found := FILE.match(text))}


def python(page: Path) -> list[str]:
    """The Python of a page that is no file."""
    return [text for language, text in blocks(page) if language == "python" and not FILE.match(text)]


def commands(page: Path) -> list[Command]:
    """Every command of the page, of its shell blocks and within its lines, each once; without those that are a form."""
    found = [command for line in typed(page) for command in commands_of(line)]
    return [command for i, command in enumerate(found) if command not in found[:i]]


def typed(page: Path) -> list[str]:
    """The lines of the shell blocks, and the commands of ours within other lines."""
    lines = [line for language, text in blocks(page) if language in ("sh", "bash") for line in joined(text)]
    inline = [token.content for token in tokens(page) if token.type == "code_inline"]
    return lines + [text for text in inline if any(commands_of(text))]


def joined(text: str) -> list[str]:
    r"""Lines of a shell, those that end with \ together with the next."""
    return text.replace("\\\n", " ").splitlines()


def commands_of(line: str) -> Iterator[Command]:
    """`OMP_NUM_THREADS=1 pip install -e . && python train.py # trains` is a command of ours and another."""
    for part in re.split(r" && | \| |; ", re.split(r"\s#\s", line)[0]):
        typed = ASSIGNED.sub("", part.strip())
        if (found := TYPED.match(typed)) and not OPEN.search(typed):
            command = Command(found[1] or found[2], shlex.split(typed[found.end() :]))
            if command.words or command.name == "train":  # `groundup new` alone is a name
                yield command


def paths(page: Path) -> set[str]:
    """The tests, scripts and pages that the page names within its lines, not those that it has its readers write."""
    named = [found for token in tokens(page) if token.type == "code_inline" for found in PATH.findall(token.content)]
    return {path for path in named if not re.search(r"NAME|DIR|[*…]", path)} - files(page).keys()


# Links


def links(page: Path) -> list[str]:
    """Where the page's links and pictures lead, as they are written."""
    wanted = {"link_open": "href", "image": "src"}
    return [str(token.attrs[wanted[token.type]]) for token in tokens(page) if token.type in wanted]


def pictures(page: Path) -> list[Path]:
    return [(page.parent / str(token.attrs["src"])).resolve() for token in tokens(page) if token.type == "image"]


def target(page: Path, link: str) -> tuple[Path, str] | None:
    """The file and the anchor of a link; None is elsewhere in the world."""
    if re.match(r"[a-z]+:", link):
        return None
    path, _, anchor = link.partition("#")
    return ((page.parent / path).resolve() if path else page), anchor


@functools.cache
def anchors(page: Path) -> set[str]:
    """Those that GitHub, and MyST up to the fourth level, make of the headings of a page."""
    found: list[str] = []
    each = tokens(page)
    for i, token in enumerate(each):
        if token.type == "heading_open" and token.tag <= "h4":
            inline = each[i + 1]
            words = "".join(child.content for child in inline.children or [])
            found.append(re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-"))
    return {f"{slug}-{found[:i].count(slug)}" if slug in found[:i] else slug for i, slug in enumerate(found)}
